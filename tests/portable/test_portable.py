"""All data stages and the batch job by a job service and workers elsewhere, as Flink has it.

Minutes: each worker loads TFX for each stage. `make test-portable` runs it.
"""

import contextlib
import gzip
import json
import os
import re
import threading
import time

import psutil
import pytest
import tensorflow as tf

from bitpipe import exits
from components.image_example_gen import shard
from pipeline.settings import beam, config
from serving.batch import run as batch
from tests.e2e.harness import CORRUPT, Pipeline
from tests.pictures import write_folder

pytestmark = [
    pytest.mark.portable,
    pytest.mark.skipif(
        not os.environ.get("PORTABLE"), reason="takes minutes; `make test-portable` runs it"
    ),
]

PER_SHARD = 8


@pytest.fixture(scope="module")
def portable(engine):
    """The section `beam` of the configuration."""
    told = {"runner": "portable", "job_endpoint": engine.jobs, "worker_pool": engine.pool}
    return [f"beam.{key}={value}" for key, value in told.items()]


@pytest.fixture(scope="module")
def runs(tmp_path_factory, portable):
    """The same run twice: in this process, and by the engine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shard, "MAX_FILES", PER_SHARD)  # so that there is something to share
        found = []
        for name, overrides in (("here", ()), ("there", portable)):
            folder = tmp_path_factory.mktemp(name)
            data = write_folder(folder / "photos", per_class=20)
            for corrupt, content in CORRUPT.items():
                (data / corrupt).write_bytes(content)
            pipeline = Pipeline(data, folder / "out")
            found.append((pipeline, pipeline.run(*overrides)))
    return found


def files(pipeline, stage, pattern):
    """Name -> content of a stage's files; they are numbered by executions, as names of runs."""
    folder = pipeline.out / "artifacts" / stage
    return {
        re.sub(r"/\d+/", "/", str(path.relative_to(folder))): path
        for path in sorted(folder.glob(pattern))
        if path.is_file()
    }


def test_every_stage_comes_to_the_same_end(runs):
    (_, here), (_, there) = runs
    assert here.exit_code == there.exit_code == 0
    assert here.result["accuracy"] == there.result["accuracy"]
    assert here.result["classes"] == there.result["classes"]


def test_the_records_are_the_same_to_the_byte(runs):
    here, there = (files(pipeline, "ImageExampleGen", "examples/*/**/*") for pipeline, _ in runs)
    assert len([name for name in here if name.endswith(".gz")]) > PER_SHARD
    assert here.keys() == there.keys()
    for name in here:
        read = gzip.decompress if name.endswith(".gz") else bytes
        if name.endswith("pictures.jsonl"):  # times of files, and the folder
            continue
        assert read(here[name].read_bytes()) == read(there[name].read_bytes()), name


def test_the_statistics_and_the_transform_are_the_same(runs):
    from tensorflow_metadata.proto.v0 import statistics_pb2

    stats, vocabularies = [], []
    for pipeline, _ in runs:
        found = files(pipeline, "StatisticsGen", "statistics/*/**/FeatureStats.pb")
        stats.append({})
        for name, path in found.items():
            told = statistics_pb2.DatasetFeatureStatisticsList.FromString(path.read_bytes())
            features = told.datasets[0].features
            stats[-1][name] = (
                told.datasets[0].num_examples,
                sorted(one.path.step[0] for one in features),
                {one.path.step[0]: one.num_stats.mean for one in features if one.num_stats.mean},
            )
        assets = files(pipeline, "Transform", "transform_graph/*/transform_fn/assets/*")
        vocabularies.append({name: path.read_bytes() for name, path in assets.items()})
    assert stats[0] == stats[1]
    assert len(stats[0]) == 2
    assert vocabularies[0] == vocabularies[1] != {}


def scores(answer):
    return dict(zip(answer["labels"], answer["scores"], strict=True))


def test_the_gate_saw_the_same_answers(runs):
    answers = []
    for pipeline, _ in runs:
        (path,) = files(pipeline, "Evaluator", "evaluation/*/predictions.jsonl").values()
        told = map(json.loads, sorted(path.read_text().splitlines()))
        answers.append({one["filename"]: one for one in told})
    here, there = answers
    assert len(here) > 5
    assert here.keys() == there.keys()
    for name, one in here.items():
        assert one["label"] == there[name]["label"]
        # In batches of other sizes, sums come to another last digit.
        assert scores(one["candidate"]) == pytest.approx(scores(there[name]["candidate"]), abs=1e-6)


def test_two_processes_shared_the_ingest(runs, engine):
    del runs
    found = re.findall(r"Shard (\d+) of \d+ by process (\d+)\.", engine.log.read_text())
    by_process = {}
    for number, process in found:
        by_process.setdefault(process, set()).add(int(number))
    assert len(by_process) == 2
    assert str(os.getpid()) not in by_process
    assert all(len(numbers) >= 2 for numbers in by_process.values())


def test_the_batch_job_answers_the_same(runs, portable, tmp_path):
    (pipeline, _), _ = runs
    options = beam.options(config.load("smoke", portable).config.beam)
    answers = []
    for name, chosen in (("here", beam.options(beam.BeamSettings())), ("there", options)):
        out = tmp_path / name
        result = batch.run(
            [str(pipeline.data)],
            str(pipeline.out / "serving"),
            "smoke",
            str(out),
            shard_size=10,
            beam=chosen,
        )
        assert result.answered == result.pictures
        lines = [line for path in sorted(out.glob("answers-*")) for line in path.open()]
        answers.append([json.loads(line) for line in lines])
    assert answers[0] == answers[1]
    assert len(answers[0]) > 40


def records(pipeline):
    """Of both splits, sorted: how they are shared out to files is another matter."""
    found = files(pipeline, "ImageExampleGen", "examples/*/Split-*/*.gz").values()
    return sorted(
        tf.data.TFRecordDataset([str(path) for path in found], "GZIP").as_numpy_iterator()
    )


def kill_one_of_the_next(pool):
    """Kills a worker of the next job amid what it does first, which takes it seconds to load."""
    before = set(psutil.Process(pool.pid).children(recursive=True))

    def kill():
        workers = []
        deadline = time.monotonic() + 120
        while not workers and time.monotonic() < deadline:
            time.sleep(0.2)
            new = set(psutil.Process(pool.pid).children(recursive=True)) - before
            # Those at work, and no process around them.
            with contextlib.suppress(psutil.NoSuchProcess):
                workers = [
                    one for one in new if time.time() - one.create_time() > 5 and not one.children()
                ]
        workers[0].kill()

    killer = threading.Thread(target=kill)
    killer.start()
    return killer


# A thread of Beam's fails as well.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_killed_worker_ends_the_job_in_a_sentence_and_the_next_one_lacks_no_record(
    runs, portable, engine, tmp_path
):
    (here, _), _ = runs
    again = Pipeline(here.data, tmp_path / "out")
    killer = kill_one_of_the_next(engine.workers)
    failed = again.run(*portable, 'beam.options=["--job_server_timeout=40"]', command="ingest")
    killer.join()
    done = again.run(*portable, command="ingest")

    assert failed.exit_code == exits.USER
    assert "had not ended after 40 s" in failed.stderr
    assert not list((tmp_path / "out/artifacts").glob("ImageExampleGen/examples/1/*"))
    assert done.exit_code == exits.OK
    assert records(here) == records(again) != []
