"""A job for Python callers: begun, gone on with, failed, interrupted. The model is imitated."""

import os
import signal
import threading
import types
from pathlib import Path

import pytest

import serving.batch
from bitpipe.errors import AnswerFileError, DataError
from serving.batch import lock, run
from serving.batch.run import JobFailedError, JobInterrupt, Result


class Work:
    """Stands for Beam: answers shard after shard, of which each has a failure."""

    def __init__(self):
        self.batch_size, self.options = 0, ()
        self.after_a_shard = lambda: None

    def run(self, job, *, batch_size, options):
        self.batch_size, self.options = batch_size, options
        for shard in job.progress().todo:
            job.finish(shard, len(job.sources(shard)), 1)
            self.after_a_shard()


@pytest.fixture
def work(monkeypatch):
    imitated = Work()
    module = types.SimpleNamespace(run=imitated.run)
    monkeypatch.setattr(serving.batch, "beam_pipeline", module, raising=False)
    monkeypatch.setattr(run, "_check_model", lambda _: None)
    return imitated


@pytest.fixture
def job(work, photos, tmp_path):
    """Runs a job of ten pictures in three shards."""
    version = tmp_path / "models/colours/3"
    version.mkdir(parents=True)
    (version / "saved_model.pb").touch()

    def start(out=tmp_path / "out", data=photos, **options):
        where = (str(tmp_path / "models"), "colours", str(out))
        return run.run([str(data)], *where, shard_size=4, **options)

    return start


def test_the_result_counts_what_was_answered_and_has_failed(job, work, tmp_path):
    options = ["--runner=DirectRunner"]
    assert job(batch_size=3, beam=options) == Result(str(tmp_path / "out"), 3, 10, 10, 3, earlier=0)
    assert (work.batch_size, work.options) == (3, options)


def test_a_failure_tells_how_far_the_job_has_come_and_it_goes_on_from_there(job, work):
    def fail():
        raise RuntimeError("Traceback of a worker\n  and its cause: the disk is gone\n")

    work.after_a_shard = fail
    with pytest.raises(
        JobFailedError, match=r"^The job has failed: and its cause: the disk"
    ) as told:
        job()
    assert (told.value.result.answered, told.value.result.pictures) == (4, 10)
    work.after_a_shard = lambda: None
    with pytest.raises(AnswerFileError, match=r"holds answers\. Go on with --resume"):
        job()
    result = job(resume=True)
    assert (result.answered, result.failed, result.earlier) == (10, 3, 4)


def test_ctrl_c_tells_how_far_the_job_has_come_however_beam_tells_it(job, work):
    def interrupt():
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except KeyboardInterrupt:
            raise RuntimeError("a worker has failed") from None

    before = signal.getsignal(signal.SIGINT)
    work.after_a_shard = interrupt
    with pytest.raises(JobInterrupt) as told:
        job()
    assert told.value.result.answered == 4
    assert isinstance(told.value, KeyboardInterrupt)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_job_may_be_run_by_any_thread(job):
    results = []
    thread = threading.Thread(target=lambda: results.append(job()))
    thread.start()
    thread.join(30)
    assert [result.answered for result in results] == [10]


def test_who_watches_is_told_at_once_and_as_it_goes_on(job, work, monkeypatch):
    monkeypatch.setattr(run, "_LOOK_S", 0.01)
    seen, both = [], threading.Event()

    def watch(*counts):
        seen.append(counts)
        if counts == (8, 2, 10):
            both.set()

    finished = []

    def wait():
        finished.append(None)
        if len(finished) == 2:
            assert both.wait(10)

    work.after_a_shard = wait
    job(watch=watch)
    assert seen[0] == (0, 0, 10)
    assert (8, 2, 10) in seen


def test_a_finished_job_is_not_watched(job):
    job()
    seen = []
    assert job(resume=True, watch=lambda *counts: seen.append(counts)).earlier == 10
    assert seen == []


def test_a_job_goes_on_only_as_it_was_begun(job):
    job(top=2)
    assert job(resume=True).answered == 10
    with pytest.raises(AnswerFileError, match=r"its top is 2\. Received: 3"):
        job(resume=True, top=3)


def test_a_folder_has_one_run_at_a_time(job, tmp_path):
    with lock.held(str(tmp_path / "out")):
        (tmp_path / "out/held").touch()
        with pytest.raises(AnswerFileError, match="is being written by another run"):
            job()
    (tmp_path / "out/held").unlink()
    assert job().answered == 10


def test_a_folder_in_which_nothing_came_to_be_is_removed(job, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(AnswerFileError, match="There is no picture"):
        job(data=tmp_path / "empty")
    assert not (tmp_path / "out").exists()


def test_what_was_misspelt_is_told_before_anything_is_written(job, tmp_path):
    with pytest.raises(DataError, match="nowhere does not exist"):
        job(data=Path("nowhere"))
    assert not (tmp_path / "out").exists()
