"""The folder of a job: what is in it, and how it is continued."""

import json
import os
from pathlib import Path

import pytest

from bitpipe.errors import AnswerFileError
from bitpipe.stores import files
from bitpipe.stores.local import LocalStore
from bitpipe.stores.open import store_of
from bitpipe.stores.paths import join
from bitpipe.stores.store import Found
from serving.batch import job as jobs
from serving.batch.job import Progress, Request


@pytest.fixture
def request_for(photos):
    def make(*data, **changes):
        given = tuple(map(str, data)) or (str(photos),)
        return Request(**{"data": given, "model": "m/3", "version": 3, "shard_size": 4} | changes)

    return make


def names(shard):
    return [Path(found.path).name for found in shard]


def test_pictures_are_dealt_into_shards_in_their_order(tmp_path, request_for):
    job = jobs.begin(str(tmp_path / "out"), request_for())
    assert (job.shards, job.pictures) == (3, 10)
    dealt = [name for number in range(3) for name in names(job.sources(number))]
    assert dealt == [f"{number}.png" for number in range(10)]
    assert job.progress() == Progress((0, 1, 2), 0, 0)


def test_a_bucket_can_hold_the_job(tmp_path, bucket, photos, request_for):
    out = bucket(tmp_path / "out")
    job = jobs.begin(out, request_for(bucket(photos)))
    job.finish(1, 4, 1)
    assert jobs.find(out) == job
    assert job.progress() == Progress((0, 2), 4, 1)


def test_a_job_is_found_as_it_was_begun(tmp_path, request_for):
    out = str(tmp_path / "out")
    assert jobs.find(out) is None
    job = jobs.begin(out, request_for(form="csv", top=2))
    assert jobs.find(out) == job


def test_finished_shards_are_counted_and_no_longer_to_do(tmp_path, request_for):
    job = jobs.begin(str(tmp_path / "out"), request_for())
    job.finish(0, 4, 0)
    job.finish(2, 2, 1)
    assert job.progress() == Progress((1,), 6, 1)
    with pytest.raises(FileNotFoundError):
        job.sources(0)


def test_a_shard_interrupted_while_it_was_noted_is_to_do_and_not_counted_twice(
    tmp_path, request_for, monkeypatch
):
    job = jobs.begin(str(tmp_path / "out"), request_for())
    with monkeypatch.context() as broken:
        broken.setattr(LocalStore, "delete", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            job.finish(0, 4, 1)
    assert job.progress() == Progress((0, 1, 2), 0, 0)
    job.finish(0, 4, 1)
    assert job.progress() == Progress((1, 2), 4, 1)


def test_answers_are_named_by_shard_and_format(tmp_path, request_for):
    job = jobs.begin(str(tmp_path / "out"), request_for(form="csv"))
    assert job.answers_path(2) == str(tmp_path / "out/answers-00002-of-00003.csv")


def test_problems_of_folders_come_along(tmp_path, photos, request_for):
    (tmp_path / "empty").mkdir()
    job = jobs.begin(str(tmp_path / "out"), request_for(tmp_path / "empty", photos / "0.png"))
    problem, picture = job.sources(0)
    assert "no pictures" in problem.problem
    assert picture == (str(photos / "0.png"), "")


def test_no_picture_at_all_is_an_error_and_leaves_no_job(tmp_path, request_for):
    (tmp_path / "empty").mkdir()
    out = str(tmp_path / "out")
    with pytest.raises(AnswerFileError, match=r"no picture in .*empty.*Correct --data"):
        jobs.begin(out, request_for(tmp_path / "empty"))
    assert jobs.find(out) is None
    assert store_of(out).names(join(out, "shards")) == []


def test_an_interrupted_start_is_begun_anew(tmp_path, photos, request_for, monkeypatch):
    out = str(tmp_path / "out")

    def interrupted(_):
        yield from [Found("x.png")] * 30
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(files, "find", interrupted)
        with pytest.raises(KeyboardInterrupt):
            jobs.begin(out, request_for())
    assert jobs.find(out) is None
    job = jobs.begin(out, request_for())
    assert job.progress().todo == (0, 1, 2)
    assert names(job.sources(0))[0] == "0.png"


def test_a_folder_with_something_else_is_left_alone(tmp_path, photos, request_for):
    before = sorted(photos.iterdir())
    with pytest.raises(AnswerFileError, match=r"is not empty: it holds 0\.png"):
        jobs.begin(str(photos), request_for())
    assert sorted(photos.iterdir()) == before


def test_a_file_is_no_folder_for_answers(photos, request_for):
    with pytest.raises(AnswerFileError, match="is not a folder"):
        jobs.begin(str(photos / "0.png"), request_for())


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"request": {"data": 1}}'])
def test_a_broken_description_is_told(tmp_path, content):
    (tmp_path / "batch.json").write_text(content)
    with pytest.raises(AnswerFileError, match=r"batch\.json cannot be read"):
        jobs.find(str(tmp_path))


@pytest.mark.parametrize(
    "changed", [{"data": ("other",)}, {"version": 4}, {"top": 1}, {"form": "csv"}]
)
def test_another_request_does_not_continue_the_job(tmp_path, request_for, changed):
    job = jobs.begin(str(tmp_path / "out"), request_for())
    jobs.check_same(job, **{name: getattr(job.request, name) for name in changed})
    [name] = changed
    with pytest.raises(AnswerFileError, match=f"cannot be continued: its {name} is"):
        jobs.check_same(job, **changed)


def test_names_that_are_no_text_survive(tmp_path, request_for):
    folder = tmp_path / "odd"
    folder.mkdir()
    odd = [os.fsdecode(b"\xff.png"), "new\nline.png"]
    for name in odd:
        (folder / name).touch()
    job = jobs.begin(str(tmp_path / "out"), request_for(folder))
    assert sorted(names(job.sources(0))) == sorted(odd)
    json.loads((tmp_path / "out/shards/00000-todo.json").read_bytes())


def test_what_a_killed_run_has_left_half_written_is_removed(tmp_path, request_for):
    job = jobs.begin(str(tmp_path / "out"), request_for())
    whole = tmp_path / "out/answers-00000-of-00003.jsonl"
    half = whole.with_name(f".{whole.name}.0123")
    for path in (whole, half):
        path.touch()
    job.clean()
    assert whole.exists()
    assert not half.exists()
    assert job.progress().todo == (0, 1, 2)
