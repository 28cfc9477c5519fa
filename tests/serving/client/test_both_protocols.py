"""The client against the embedded server: the same answers over gRPC and REST."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bitpipe.errors import RequestRejectedError, ServerUnreachableError
from serving.client import PredictionClient
from serving.server import ModelServer
from serving.server.model_config import ModelConfig, VersionPolicy

Encode = Callable[..., bytes]
Push = Callable[[Path, int], Path]

COLOURS = ("red", "lime", "blue")  # CSS calls pure green lime
LABELS = ("red", "green", "blue")


@pytest.fixture(scope="module")
def models(push: Push, tmp_path_factory: pytest.TempPathFactory) -> ModelConfig:
    folder = tmp_path_factory.mktemp("models") / "colours"
    for version in (3, 20):
        push(folder, version)
    return ModelConfig("colours", folder, VersionPolicy(latest=None), {"stable": 3})


@pytest.fixture(scope="module")
def running(models: ModelConfig) -> Iterator[ModelServer]:
    with ModelServer([models], port=0, rest_port=0) as server:
        yield server


@pytest.fixture(params=["grpc", "rest"])
def address(request: pytest.FixtureRequest, running: ModelServer) -> str:
    return running.address if request.param == "grpc" else f"http://{running.rest_address}"


@pytest.fixture
def folder(tmp_path: Path, encode: Encode) -> Path:
    """Twelve files, of which the second is no picture."""
    for number, colour in enumerate(COLOURS * 4):
        (tmp_path / f"{number:02}.png").write_bytes(encode(colour))
    (tmp_path / "01.png").write_bytes(b"no picture")
    return tmp_path


def test_answers_are_the_same_over_both(running: ModelServer, encode: Encode) -> None:
    pictures = [encode(colour) for colour in COLOURS]
    with (
        PredictionClient(running.address, "colours") as grpc_client,
        PredictionClient(f"http://{running.rest_address}", "colours") as rest_client,
    ):
        answers = grpc_client.predict(pictures)
        assert rest_client.predict(pictures) == answers
        assert rest_client.metadata() == grpc_client.metadata()
        assert rest_client.status() == grpc_client.status()
    assert [answer.label for answer in answers] == list(LABELS)
    assert {answer.model_version for answer in answers} == {20}


@pytest.mark.parametrize(
    ("which", "version"), [({}, 20), ({"version": 3}, 3), ({"label": "stable"}, 3)]
)
def test_version_or_label_chooses_who_answers(
    address: str, encode: Encode, which: dict[str, object], version: int
) -> None:
    with PredictionClient(address, "colours", **which) as client:  # type: ignore[arg-type]
        assert client.predict([encode("red")])[0].model_version == version


@pytest.mark.parametrize(
    ("name", "which"),
    [("colours", {"version": 99}), ("colours", {"label": "none"}), ("shapes", {})],
)
def test_model_version_or_label_that_is_not_there_ends_it_at_once(
    address: str, folder: Path, name: str, which: dict[str, object]
) -> None:
    with (
        PredictionClient(address, name, **which) as client,  # type: ignore[arg-type]
        pytest.raises(RequestRejectedError),
    ):
        list(client.predict_each([folder]))


@pytest.mark.parametrize("batch_size", [1, 5, 100])
def test_folder_is_answered_in_order_and_a_bad_file_fails_alone(
    address: str, folder: Path, batch_size: int
) -> None:
    with PredictionClient(address, "colours", batch_size=batch_size) as client:
        answers = list(client.predict_each([folder]))
    assert [answer.source for answer in answers] == [
        str(folder / f"{number:02}.png") for number in range(12)
    ]
    for number, answer in enumerate(answers):
        if number == 1:
            assert answer.prediction is None
            assert "not a picture" in answer.reason or "it is a text" in answer.reason
        else:
            assert answer.prediction is not None
            assert answer.prediction.label == LABELS[number % 3]


def test_picture_that_the_server_refuses_fails_alone(
    address: str, encode: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Past the client's own check, as where server and client have different limits.
    monkeypatch.setattr(
        "serving.client.prediction_client.normalise", lambda data: type("P", (), {"data": data})
    )
    pictures = [encode("red"), b"\x89PNG broken", encode("blue"), encode("lime")[:-20]]
    with PredictionClient(address, "colours") as client:
        answers = list(client.predict_each(pictures))
    assert [answer.prediction and answer.prediction.label for answer in answers] == [
        *("red", None, "blue", None)
    ]
    assert answers[1].source == "picture 1"
    assert "counted from 0" not in answers[1].reason


def test_requests_are_cut_to_the_largest_message(address: str, encode: Encode) -> None:
    pictures = [encode("red", size=(40, 40)) for _ in range(30)]
    limit = 12 * len(pictures[0]) + 1100
    with PredictionClient(address, "colours", max_message_bytes=limit, batch_size=30) as client:
        answers = list(client.predict_each(pictures))
    assert [answer.prediction and answer.prediction.label for answer in answers] == ["red"] * 30


def test_nothing_is_asked_for_no_pictures(address: str) -> None:
    with PredictionClient(address, "colours") as client:
        assert client.predict([]) == []
        assert list(client.predict_each([])) == []


def test_server_that_goes_away_is_told_with_its_address(models: ModelConfig) -> None:
    with ModelServer([models], port=0, rest_port=0) as server:
        addresses = [server.address, f"http://{server.rest_address}"]
    for address in addresses:
        with (
            PredictionClient(address, "colours", timeout_s=5) as client,
            pytest.raises(ServerUnreachableError, match=r"bitpipe serve.*HOST:8501"),
        ):
            client.predict([b"x"])
