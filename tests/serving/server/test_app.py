"""The server as a whole: its ports, who may call, and its end."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
import requests
from tensorflow_serving.apis import prediction_service_pb2_grpc

from bitpipe.errors import AddressError, BitpipeError, ModelFolderError
from serving.client import PredictionClient
from serving.server import ModelServer, listening, serve
from serving.server.model_config import ModelConfig
from serving.server.options import Options, Tls
from tests.serving.server.grpc_calls import refusal, request_for

Push = Callable[[Path, int], Path]
Encode = Callable[..., bytes]


def test_port_in_use_is_told(server: ModelServer) -> None:
    port = int(server.address.rpartition(":")[2])
    with (
        pytest.raises(AddressError, match=f"127.0.0.1:{port}: Address already in use"),
        ModelServer(server._models, "colours", port=port),
    ):
        pass


def test_foreign_host_is_told(server: ModelServer) -> None:
    with (
        pytest.raises(AddressError, match=re.escape("192.0.2.1:0: Cannot assign")),
        ModelServer(server._models, "colours", host="192.0.2.1", port=0),
    ):
        pass


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("0.0.0.0:8501", "localhost:8501"),
        ("[::]:8501", "localhost:8501"),
        ("127.0.0.1:8501", "127.0.0.1:8501"),
        ("gpu-3:8501", "gpu-3:8501"),
    ],
)
def test_the_page_is_named_as_a_browser_finds_it(address: str, shown: str) -> None:
    assert listening.reachable(address) == shown


def test_empty_model_folder_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(ModelFolderError, match="holds no version"),
        ModelServer(tmp_path, "colours", port=0),
    ):
        pass


def test_a_label_for_a_version_that_is_not_there_is_told(push: Push, tmp_path: Path) -> None:
    push(tmp_path, 1)
    config = ModelConfig("colours", tmp_path, labels={"stable": 7})
    with (
        pytest.raises(BitpipeError, match="label to version 7 of model colours") as caught,
        ModelServer([config], port=0),
    ):
        pass
    assert caught.value.exit_code == 2


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificates")
def test_mutual_tls_admits_only_clients_with_a_certificate(
    push: Push, encode: Encode, tmp_path: Path
) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    made = ["-days", "1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject, *made],
        check=True,
        capture_output=True,
    )
    push(tmp_path / "models", 1)
    options = Options(tls=Tls(certificate, key, client_ca=certificate))
    pem = certificate.read_bytes()
    with ModelServer(
        tmp_path / "models", "colours", port=0, rest_port=0, options=options
    ) as server:
        known = grpc.ssl_channel_credentials(pem, key.read_bytes(), pem)
        with grpc.secure_channel(server.address, known) as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            stub.Predict(request_for(encode("red")), timeout=10)
        for credentials in (grpc.ssl_channel_credentials(pem), None):
            with (
                grpc.secure_channel(server.address, credentials)
                if credentials
                else grpc.insecure_channel(server.address)
            ) as channel:
                stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
                code, _ = refusal(stub.Predict, request_for(encode("red")))
                assert code is grpc.StatusCode.UNAVAILABLE
        url = f"https://{server.rest_address}/v1/models/colours"
        client = (str(certificate), str(key))
        assert requests.get(url, verify=str(certificate), cert=client, timeout=10).ok
        with pytest.raises(requests.exceptions.ConnectionError):
            requests.get(url, verify=str(certificate), timeout=10)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_serving(
    push: Push, tmp_path: Path, capsys: pytest.CaptureFixture[str], number: signal.Signals
) -> None:
    push(tmp_path, 7)
    before = signal.getsignal(number)

    def send_when_serving() -> None:
        while signal.getsignal(number) == before:
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    sender = threading.Thread(target=send_when_serving, daemon=True)
    sender.start()
    serve(tmp_path, "colours", port=0)
    sender.join()
    assert signal.getsignal(number) == before
    line = capsys.readouterr().out
    assert re.fullmatch(r"serving colours version 7 on 127\.0\.0\.1:\d+\n", line)


def test_terminated_process_exits_with_0(push: Push, encode: Encode, tmp_path: Path) -> None:
    push(tmp_path / "colours", 7)
    code = (
        "from pathlib import Path; from serving.server import serve; "
        f"serve(Path({str(tmp_path)!r}), 'colours', port=0)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().split()[-1]
        with PredictionClient(address, "colours") as client:
            assert client.predict([encode("lime")])[0].label == "green"
        process.terminate()
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
