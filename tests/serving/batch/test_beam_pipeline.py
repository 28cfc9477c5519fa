"""A job's shards on Beam's local runner, with a real model."""

import csv
import io
import json
from pathlib import Path

import pytest

from bitpipe.stores import files
from pipeline.settings import beam
from pipeline.settings.config import Config
from serving.batch import beam_pipeline, job
from serving.batch.job import Progress, Request

LABELS = ("red", "green", "blue")


@pytest.fixture
def begin(tmp_path, photos, saved_model):
    """Begins a job with shards of four pictures."""

    def begun(*data, out=None, **options):
        given = data or (str(photos),)
        request = Request(given, str(saved_model), 20, shard_size=4, **options)
        return job.begin(out or str(tmp_path / "out"), request)

    return begun


def run(begun, batch_size=3):
    beam_pipeline.run(begun, batch_size=batch_size, options=beam.options(Config().beam))


def records(folder: Path):
    files = sorted(folder.glob("answers-*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def test_every_picture_is_answered_once_in_order(begin, tmp_path):
    begun = begin(top=2)
    run(begun)
    answers = records(tmp_path / "out")
    assert [Path(a["file"]).name for a in answers] == [f"{n}.png" for n in range(10)]
    assert "it is a text" in answers.pop(4)["error"]
    for answer in answers:
        number = int(Path(answer["file"]).stem)
        assert answer["label"] == LABELS[number % 3]
        assert len(answer["top"]) == 2
        assert answer["model_version"] == 20
    assert begun.progress() == Progress((), 10, 1)


def test_shards_with_answers_are_not_asked_about_again(begin, tmp_path):
    begun = begin()
    begun.finish(1, 4, 0)
    run(begun)
    assert [path.name for path in sorted((tmp_path / "out").glob("answers-*"))] == [
        "answers-00000-of-00003.jsonl",
        "answers-00002-of-00003.jsonl",
    ]


def test_a_shard_that_fails_leaves_the_others_answers_and_can_be_repeated(
    begin, tmp_path, monkeypatch
):
    begun = begin()
    read = files.read

    def failing(found):
        if found.path.endswith("9.png"):
            raise OSError("the disk is gone")
        return read(found)

    with monkeypatch.context() as broken:
        broken.setattr(files, "read", failing)
        with pytest.raises(Exception, match="the disk is gone"):
            run(begun)
    left = begun.progress()
    assert 2 in left.todo
    assert not (tmp_path / "out/answers-00002-of-00003.jsonl").exists()
    run(begun)
    assert begun.progress() == Progress((), 10, 1)
    assert len(records(tmp_path / "out")) == 10


def test_each_csv_file_has_its_header(begin, tmp_path):
    run(begin(form="csv", top=1))
    files = sorted((tmp_path / "out").glob("answers-*.csv"))
    rows = [list(csv.DictReader(io.StringIO(file.read_text()))) for file in files]
    assert [len(of_file) for of_file in rows] == [4, 4, 2]
    assert rows[0][0]["label_1"] == "red"
    assert "it is a text" in rows[1][0]["error"]


def test_pictures_and_answers_may_lie_in_a_store(begin, bucket, photos, tmp_path):
    begun = begin(bucket(photos), out=bucket(tmp_path / "out"))
    run(begun)
    answers = records(tmp_path / "out")
    assert answers[0]["file"] == bucket(photos / "0.png")
    assert [answer.get("label") for answer in answers[:3]] == list(LABELS)
    assert begun.progress() == Progress((), 10, 1)


def test_problems_of_folders_are_answers(begin, tmp_path, photos):
    (tmp_path / "empty").mkdir()
    begun = begin(str(tmp_path / "empty"), str(photos / "0.png"))
    run(begun)
    problem, answer = records(tmp_path / "out")
    assert "no pictures" in problem["error"]
    assert answer["label"] == "red"


def test_threads_of_a_process_share_one_model(begin, monkeypatch):
    loaded = []
    original = beam_pipeline.InProcessModel

    def counted(*arguments):
        loaded.append(arguments)
        return original(*arguments)

    monkeypatch.setattr(beam_pipeline, "InProcessModel", counted)
    begun = begin()
    options = ["--runner=FnApiRunner", "--direct_running_mode=multi_threading"]
    beam_pipeline.run(begun, batch_size=3, options=[*options, "--direct_num_workers=2"])
    assert begun.progress().answered == 10
    assert len(loaded) == 1
