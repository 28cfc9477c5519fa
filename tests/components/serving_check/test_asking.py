"""A server's answers are compared with the Trainer's, and what differs is told with the request."""

import dataclasses

import numpy as np
import pytest

from bitpipe.model.reference import Answer, Reference
from tests.pictures import COLOURS, picture
from tests.serving_models import push, save_mean_colour

pytestmark = pytest.mark.tfx

LABELS = ("red", "green", "blue")


def mean(colour):
    return tuple(float(np.float32(value) / 255) for value in COLOURS[colour])


@pytest.fixture(scope="module")
def shown():
    """A picture of each colour, and what a network that sees mean colours says of it."""
    from components.serving_check.asking import Shown

    return [
        Shown(picture(colour), Answer(f"{colour}.png", f"{number:064x}", mean(colour)))
        for number, colour in enumerate(LABELS)
    ]


@pytest.fixture(scope="module")
def serve(tmp_path_factory):
    """Starts a server in this process for a model that a function writes."""
    from components.serving_check.servers import NAME, Server
    from serving.server import ModelServer

    running = []

    def start(write):
        folder = tmp_path_factory.mktemp("asked")
        write(folder / "model")
        (folder / NAME).mkdir()
        push(folder / "model", folder / NAME, 1)
        server = ModelServer(folder, NAME, port=0, rest_port=0)
        running.append(server)
        server.__enter__()
        return Server("the server", server.address, f"http://{server.rest_address}", 1.0)

    yield start
    for server in running:
        server.__exit__(None, None, None)


@pytest.fixture(scope="module")
def server(serve):
    return serve(save_mean_colour)


def settings(**given):
    from components.serving_check.settings import ServingCheckSettings

    return ServingCheckSettings(**given)


def judged(server, shown, tmp_path, **given):
    from components.serving_check import executor

    known = Reference(LABELS, tuple(one.answer for one in shown))
    return executor._judge(server, known, shown, settings(**given), tmp_path / "log")


def test_a_server_that_answers_as_the_trainer_did_is_blessed(server, shown, tmp_path):
    said = judged(server, shown, tmp_path, max_latency_ms=60_000)
    assert said.blessed
    assert said.objections == ()
    assert said.largest_difference < 1e-5
    assert 0 < said.latency_ms < 60_000
    assert "60000 ms are allowed (serving_check.max_latency_ms)" in said.sentences[1]


def test_a_model_that_is_too_slow_is_refused_with_what_was_measured(server, shown, tmp_path):
    said = judged(server, shown, tmp_path, max_latency_ms=0.001)
    assert not said.blessed
    assert "median of 2 over gRPC, warm), and 0.001 ms are allowed" in said.objections[0]
    assert "blue.png" in said.request


@pytest.mark.parametrize("other", [0.05, float("nan")])
def test_a_stand_in_that_answers_otherwise_is_refused_with_the_request(
    server, shown, tmp_path, other
):
    """Of the last picture, one score, by a little more than the tolerance or not a number."""
    answer = dataclasses.replace(shown[-1].answer, scores=(*mean("blue")[:2], 1.0 - other))
    (tmp_path / "log").write_text("one\ntwo\n")
    different = [*shown[:-1], dataclasses.replace(shown[-1], answer=answer)]
    said = judged(server, different, tmp_path)
    assert not said.blessed
    [objection] = said.objections
    assert "asked by gRPC Predict (serving_default) about blue.png it says 'blue'" in objection
    assert "serving_check.max_difference" in objection
    assert "signature serving_default, blue.png" in said.request
    assert said.log == ("one", "two")


def test_a_difference_within_the_tolerance_is_let_pass(server, shown, tmp_path):
    answer = dataclasses.replace(
        shown[0].answer, scores=tuple(score + 0.01 for score in mean("red"))
    )
    said = judged(server, [dataclasses.replace(shown[0], answer=answer)], tmp_path)
    assert said.blessed
    assert said.largest_difference == pytest.approx(0.01, abs=1e-4)


def test_classes_that_the_trainer_does_not_know_are_refused(server, shown, tmp_path):
    from components.serving_check import executor

    known = Reference(("ant", "bee", "cat"), tuple(one.answer for one in shown))
    said = executor._judge(server, known, shown, settings(), tmp_path / "log")
    assert (
        "names 'blue', 'green', 'red', where the Trainer knows 'ant', 'bee', 'cat'"
        in (said.objections[0])
    )


def test_a_model_without_a_signature_of_the_contract_is_refused(serve, shown, tmp_path):
    from tests import bad_models

    said = judged(serve(bad_models.save), shown, tmp_path)
    assert "it has no signature serving_top_5 and no classify, only" in said.objections[0]
    assert said.request == "gRPC GetModelMetadata, model candidate"


def test_a_model_that_fails_on_pictures_is_refused_in_the_servers_words(
    serve, shown, tmp_path, monkeypatch
):
    """By one of the signatures that the gate never asks."""

    import tensorflow as tf

    from components.training import served_signatures

    derived = served_signatures.derived

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
    def out_of_order(inputs):
        with tf.control_dependencies([tf.debugging.Assert(False, ["out of order"])]):
            rows = tf.shape(tf.identity(inputs))[0]
        return {"classes": tf.fill([rows, 3], "red"), "scores": tf.zeros([rows, 3])}

    monkeypatch.setattr(
        served_signatures, "derived", lambda serve: {**derived(serve), "classify": out_of_order}
    )
    said = judged(serve(save_mean_colour), shown, tmp_path)
    assert "asked by gRPC Classify (classify) it fails: INVALID_ARGUMENT" in said.objections[0]
    assert "out of order" in said.objections[0]


def test_fewer_pictures_than_a_median_wants_are_timed_too(server, shown, tmp_path):
    assert judged(server, shown[:1], tmp_path).latency_ms > 0
