"""The client against the embedded server."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from bitpipe.errors import RequestRejectedError
from serving.client import PredictionClient
from serving.server import ModelServer

Encode = Callable[..., bytes]


def test_client_predictions_are_sorted_and_name_the_version(
    server: ModelServer, encode: Encode
) -> None:
    with PredictionClient(server.address, "colours") as client:
        orange, navy = client.predict([encode("#ff8000"), encode("#000080")])
        assert client.predict([]) == []
    assert orange.label == "red"
    assert [label for label, _ in orange.scores] == ["red", "green", "blue"]
    assert [score for _, score in orange.scores] == pytest.approx([1, 128 / 255, 0])
    assert navy.label == "blue"
    assert orange.model_version == 20


def test_client_predicts_files_of_any_format_over_several_batches(
    server: ModelServer, encode: Encode, tmp_path: Path
) -> None:
    paths = []
    for index, colour in enumerate(["red", "lime", "blue", "red", "lime"]):
        form = ["WEBP", "PNG", "BMP", "JPEG", "GIF"][index]
        paths.append(tmp_path / f"{index}.{form.lower()}")
        paths[-1].write_bytes(encode(colour, form=form))
    with PredictionClient(server.address, "colours") as client:
        answers = list(client.predict_files(paths, batch_size=2))
    assert [path for path, _ in answers] == paths
    assert [answer.label for _, answer in answers] == ["red", "green", "blue", "red", "green"]


def test_requests_above_grpcs_default_of_4_mib_are_answered(server: ModelServer) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1500, 1500, 3), dtype=np.uint8)
    picture = tf.io.encode_png(noise).numpy()
    assert len(picture) > 4 * 2**20
    with PredictionClient(server.address, "colours") as client:
        assert len(client.predict([picture])[0].scores) == 3


def test_too_large_request_is_refused_with_the_limit(server: ModelServer) -> None:
    with (
        PredictionClient(server.address, "colours", max_message_bytes=1000) as client,
        pytest.raises(RequestRejectedError, match="1000"),
    ):
        client.predict([bytes(2000)])
