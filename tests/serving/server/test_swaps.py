"""A version comes into service: warmed up, without a gap, or not at all."""

import contextlib
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from bitpipe.errors import ModelFolderError, ModelLoadError
from bitpipe.model.registry import Registry, decision
from serving.client import PredictionClient
from serving.server import ModelServer
from serving.server.options import Options
from tests.serving.server.grpc_calls import request_for

Push = Callable[[Path, int], Path]
Encode = Callable[..., bytes]

WATCHFUL = Options(poll_interval_s=0.05)


def wait_for_version(server: ModelServer, version: int) -> None:
    deadline = time.monotonic() + 10
    while server.version != version:
        assert time.monotonic() < deadline, f"still serving {server.version}"
        time.sleep(0.02)


@contextlib.contextmanager
def asking(client: PredictionClient, picture: bytes, answered: list[int]) -> Iterator[None]:
    """Asks all the time, and 20 times more after the block; `answered` gets the versions."""
    stopped = threading.Event()

    def ask() -> None:
        while not stopped.is_set():
            answered.append(client.predict([picture])[0].model_version)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
        count = len(answered)
        while thread.is_alive() and len(answered) < count + 20:
            time.sleep(0.01)
    finally:
        stopped.set()
        thread.join()


def test_new_version_takes_over_without_a_failed_request(
    push: Push, encode: Encode, tmp_path: Path
) -> None:
    push(tmp_path, 1)
    answered: list[int] = []
    with (
        ModelServer(tmp_path, "colours", port=0, options=WATCHFUL) as server,
        PredictionClient(server.address, "colours") as client,
    ):
        with asking(client, encode("red"), answered):
            (tmp_path / "3").mkdir()  # half written: no saved_model.pb yet
            (tmp_path / ".tmp-4").mkdir()
            (tmp_path / ".tmp-4" / "saved_model.pb").touch()
            push(tmp_path, 2)
            wait_for_version(server, 2)
        assert answered == sorted(answered)  # no gap, no way back; a failure ends the thread
        assert set(answered) == {1, 2}
        assert answered[-1] == 2
        assert [(status.version, status.state) for status in client.status()] == [
            (2, "AVAILABLE"),
            (1, "END"),
        ]


def test_a_rollback_is_followed_without_a_failed_request(
    push: Push, encode: Encode, tmp_path: Path
) -> None:
    for version in (1, 2):
        push(tmp_path, version)
    registry = Registry(str(tmp_path), "colours")
    registry.promote(2, "stable", decision(""))
    answered: list[int] = []
    with (
        ModelServer(tmp_path, "colours", port=0, options=WATCHFUL) as server,
        PredictionClient(server.address, "colours", label="stable") as client,
    ):
        with asking(client, encode("red"), answered):
            registry.rollback(None, decision("it sees ghosts"))
            wait_for_version(server, 1)
        assert answered == sorted(answered, reverse=True)  # a failure ends the thread
        assert answered[-1] == 1
    with ModelServer(tmp_path, "colours", port=0) as server:
        assert server.version == 1
    shutil.rmtree(tmp_path / "1")
    with (
        pytest.raises(ModelFolderError, match=r"Version 1 of model colours shall be in service"),
        ModelServer(tmp_path, "colours", port=0),
    ):
        pass


def test_broken_version_leaves_the_old_one_in_service_and_is_reported(
    push: Push, encode: Encode, tmp_path: Path
) -> None:
    push(tmp_path, 1)
    with (
        ModelServer(tmp_path, "colours", port=0, options=WATCHFUL) as server,
        PredictionClient(server.address, "colours") as client,
    ):
        broken = tmp_path / ".tmp-2"
        broken.mkdir()
        (broken / "saved_model.pb").write_bytes(b"garbage")
        broken.rename(tmp_path / "2")
        deadline = time.monotonic() + 10
        while client.status()[0].state != "END":
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert "parse" in client.status()[0].error
        assert client.predict([encode("red")])[0].model_version == 1


def write_warmup(version: Path, *requests: Any) -> None:
    (version / "assets.extra").mkdir()
    path = version / "assets.extra" / "tf_serving_warmup_requests"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for request in requests:
            log = prediction_log_pb2.PredictionLog()
            log.predict_log.request.CopyFrom(request)
            writer.write(log.SerializeToString())


def test_warmup_requests_run_before_a_version_answers(
    push: Push, encode: Encode, tmp_path: Path
) -> None:
    version = push(tmp_path, 1)
    write_warmup(version, request_for(encode("red")))
    with ModelServer(tmp_path, "colours", port=0) as server:
        assert server.version == 1
    shutil.rmtree(version / "assets.extra")
    write_warmup(version, request_for(encode("red")), request_for(b"no picture"))
    with (
        pytest.raises(ModelLoadError, match="version 1: Unknown image file format"),
        ModelServer(tmp_path, "colours", port=0),
    ):
        pass
