"""The embedded server, asked through TensorFlow Serving's own stubs as any other client would."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import requests
import tensorflow as tf
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_log_pb2,
    prediction_service_pb2_grpc,
)

from bitpipe.errors import AddressError, ModelFolderError, ModelLoadError, RequestRejectedError
from serving.client import PredictionClient, codec
from serving.server import ModelServer, serve
from serving.server.options import Options, Tls

Push = Callable[[Path, int], Path]
Encode = Callable[..., bytes]

WATCHFUL = Options(poll_interval_s=0.05)


@pytest.fixture
def channel(server: ModelServer) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(server.address) as channel:
        yield channel


@pytest.fixture
def stub(channel: grpc.Channel) -> prediction_service_pb2_grpc.PredictionServiceStub:
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


def request_for(*pictures: bytes, name: str = "colours") -> Any:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = name
    request.inputs["image"].CopyFrom(tf.make_tensor_proto(pictures, tf.string, [len(pictures)]))
    return request


def refusal(call: Callable[..., Any], request: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        call(request, timeout=10)
    return caught.value.code(), caught.value.details()


def wait_for_version(server: ModelServer, version: int) -> None:
    deadline = time.monotonic() + 10
    while server.version != version:
        assert time.monotonic() < deadline, f"still serving {server.version}"
        time.sleep(0.02)


def test_prediction_over_grpc_equals_calling_the_module(
    stub: Any, encode: Encode, saved_model: Path
) -> None:
    pictures = [encode("orange", form="JPEG"), encode("navy"), encode("teal", (3, 50))]
    direct = tf.saved_model.load(str(saved_model)).signatures["serving_default"]
    expected = direct(image=tf.constant(pictures))

    response = stub.Predict(request_for(*pictures), timeout=10)

    assert set(response.outputs) == {"scores", "labels", "label"}
    for name, value in expected.items():
        received = tf.make_ndarray(response.outputs[name])
        assert received.dtype == value.numpy().dtype
        np.testing.assert_array_equal(received, value.numpy())
    assert tf.make_ndarray(response.outputs["label"]).tolist() == [b"red", b"blue", b"green"]
    # TensorFlow Serving fills the typed fields, which clients in other languages read.
    assert len(response.outputs["scores"].float_val) == 9


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


def test_newest_version_answers(stub: Any, encode: Encode) -> None:
    response = stub.Predict(request_for(encode("red")), timeout=10)
    assert response.model_spec.name == "colours"
    assert response.model_spec.version.value == 20
    assert response.model_spec.signature_name == "serving_default"


def test_output_filter_selects_outputs(stub: Any, encode: Encode) -> None:
    request = request_for(encode("red"))
    request.output_filter.append("label")
    assert set(stub.Predict(request, timeout=10).outputs) == {"label"}


def test_metadata_holds_the_signatures(stub: Any, server: ModelServer, saved_model: Path) -> None:
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "colours"
    response = stub.GetModelMetadata(request, timeout=10)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    saved = tf.compat.v1.saved_model.load(
        tf.compat.v1.Session(graph=tf.Graph()), ["serve"], str(saved_model)
    )
    assert dict(signatures.signature_def) == dict(saved.signature_def)

    with PredictionClient(server.address, "colours") as client:
        metadata = client.metadata()
    assert metadata.model_version == 20
    signature = metadata.signatures["serving_default"]
    assert signature.inputs == {"image": codec.TensorSpec("string", (None,))}
    assert signature.outputs["scores"] == codec.TensorSpec("float", (None, 3))


def test_status_names_the_version_in_service(server: ModelServer) -> None:
    with PredictionClient(server.address, "colours") as client:
        assert client.status() == [codec.VersionStatus(20, "AVAILABLE", "")]


@pytest.mark.parametrize(
    ("change", "code", "text"),
    [
        (lambda r: r.ClearField("model_spec"), "INVALID_ARGUMENT", "Missing ModelSpec"),
        (
            lambda r: setattr(r.model_spec, "name", ""),
            "INVALID_ARGUMENT",
            "ModelSpec has no name specified.",
        ),
        (
            lambda r: setattr(r.model_spec, "name", "other"),
            "NOT_FOUND",
            "Servable not found for request: Latest(other)",
        ),
        (
            lambda r: setattr(r.model_spec.version, "value", 3),
            "NOT_FOUND",
            "Servable not found for request: Specific(colours, 3)",
        ),
        (
            lambda r: setattr(r.model_spec, "version_label", "stable"),
            "INVALID_ARGUMENT",
            "Unrecognized servable version label: stable",
        ),
        (
            lambda r: setattr(r.model_spec, "signature_name", "other"),
            "FAILED_PRECONDITION",
            'Serving signature key "other" not found.',
        ),
        (
            lambda r: setattr(r.model_spec, "signature_name", "__saved_model_init_op"),
            "INTERNAL",
            "Expected prediction signature method_name to be one of",
        ),
        (
            lambda r: r.inputs.clear(),
            "INVALID_ARGUMENT",
            "input size does not match signature: 0!=1 len({}) != len({image}). "
            "Sent extra: {}. Missing but required: {image}.",
        ),
        (
            lambda r: (r.inputs["photo"].CopyFrom(r.inputs["image"]), r.inputs.pop("image")),
            "INVALID_ARGUMENT",
            "Signature input alias: image(feed name: serving_default_image:0) not found in request "
            "and no default value provided. Inputs expected to be in the request {photo}, or "
            "default input alias set: ",
        ),
        (
            lambda r: r.inputs["image"].CopyFrom(tf.make_tensor_proto([1.0])),
            "INVALID_ARGUMENT",
            "Expects arg[0] to be string but float is provided",
        ),
        (
            lambda r: r.inputs["image"].CopyFrom(tf.make_tensor_proto(b"scalar")),
            "INVALID_ARGUMENT",
            "input image: Expects shape (None,) but () is provided",
        ),
        (
            lambda r: setattr(r.inputs["image"].tensor_shape.dim[0], "size", 2**62),
            "INVALID_ARGUMENT",
            "tensor parsing error: image",
        ),
        (
            lambda r: r.output_filter.append("logits"),
            "INVALID_ARGUMENT",
            "output tensor alias not found in signature: logits "
            "Outputs expected to be in the set {label,labels,scores}.",
        ),
        (
            lambda r: r.output_filter.extend(["label", "label"]),
            "INVALID_ARGUMENT",
            "duplicate output tensor alias: label",
        ),
        (
            lambda r: r.inputs["image"].CopyFrom(tf.make_tensor_proto([b"no picture"])),
            "INVALID_ARGUMENT",
            "Unknown image file format. One of JPEG,",
        ),
    ],
)
def test_bad_request_gets_tensorflow_servings_code_and_text(
    stub: Any, encode: Encode, change: Callable[[Any], Any], code: str, text: str
) -> None:
    request = request_for(encode("red"))
    change(request)
    received_code, received_text = refusal(stub.Predict, request)
    assert received_code.name == code
    assert text in received_text
    assert "Traceback" not in received_text
    assert stub.Predict(request_for(encode("red")), timeout=10).outputs


def test_truncated_picture_is_an_invalid_argument(stub: Any, encode: Encode) -> None:
    code, _ = refusal(stub.Predict, request_for(encode("red")[:-30]))
    assert code is grpc.StatusCode.INVALID_ARGUMENT


def test_metadata_request_is_checked(stub: Any) -> None:
    request = get_model_metadata_pb2.GetModelMetadataRequest()
    request.model_spec.name = "colours"
    assert refusal(stub.GetModelMetadata, request) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "GetModelMetadataRequest must specify at least one metadata_field",
    )
    request.metadata_field.append("weights")
    assert refusal(stub.GetModelMetadata, request) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "Metadata field weights is not supported",
    )


def test_status_of_unknown_model_or_version_is_not_found(channel: grpc.Channel) -> None:
    stub = model_service_pb2_grpc.ModelServiceStub(channel)
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "colours"
    request.model_spec.version.value = 4
    assert refusal(stub.GetModelStatus, request) == (
        grpc.StatusCode.NOT_FOUND,
        "Could not find version 4 of model colours",
    )
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "other"
    assert refusal(stub.GetModelStatus, request) == (
        grpc.StatusCode.NOT_FOUND,
        "Could not find any versions of model other",
    )


def test_methods_left_to_tensorflow_serving_say_so(stub: Any) -> None:
    code, text = refusal(stub.MultiInference, inference_pb2.MultiInferenceRequest())
    assert code is grpc.StatusCode.UNIMPLEMENTED
    assert "run TensorFlow Serving" in text


def test_classify_on_a_predict_signature_is_refused_in_tensorflow_servings_words(stub: Any) -> None:
    request = classification_pb2.ClassificationRequest()
    request.model_spec.name = "colours"
    assert refusal(stub.Classify, request) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "Expected one or two output Tensors, found 3",
    )
    request.model_spec.signature_name = "other"
    assert refusal(stub.Classify, request)[1] == "No signature was found with the name: other"


def test_reload_serves_other_models_and_refuses_folders_elsewhere(
    push: Push, encode: Encode, tmp_path: Path
) -> None:
    for name in ("colours", "others"):
        push(tmp_path / name, 1)
    push(tmp_path / "others", 2)

    def request(name: str, base_path: Path, **labels: int) -> Any:
        message = model_management_pb2.ReloadConfigRequest()
        config = message.config.model_config_list.config.add(name=name, base_path=str(base_path))
        config.model_platform = "tensorflow"
        config.model_version_policy.all.SetInParent()
        config.version_labels.update(labels)
        return message

    with (
        ModelServer(tmp_path, "colours", port=0) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        manage = model_service_pb2_grpc.ModelServiceStub(channel)
        for nowhere in ("/etc", "\0", "x" * 300, "/" + "x" * 5000):
            code, text = refusal(manage.HandleReloadConfigRequest, request("others", Path(nowhere)))
            assert code is grpc.StatusCode.INVALID_ARGUMENT
            assert "must lie in" in text
        unready = request("others", tmp_path / "others", stable=7)
        code, text = refusal(manage.HandleReloadConfigRequest, unready)
        assert code is grpc.StatusCode.FAILED_PRECONDITION
        assert "version 7 of model others, which is not currently available" in text
        assert server.versions == {"colours": 1}
        code, _ = refusal(
            manage.HandleReloadConfigRequest, model_management_pb2.ReloadConfigRequest()
        )
        assert code is grpc.StatusCode.INVALID_ARGUMENT

        manage.HandleReloadConfigRequest(
            request("others", tmp_path / "others", stable=1), timeout=20
        )

        assert server.versions == {"others": 2}
        predictions = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        labelled = request_for(encode("red"), name="others")
        assert predictions.Predict(labelled, timeout=10).model_spec.version.value == 2
        labelled.model_spec.version_label = "stable"
        assert predictions.Predict(labelled, timeout=10).model_spec.version.value == 1
        labelled.model_spec.version_label = "canary"
        code, text = refusal(predictions.Predict, labelled)
        assert (code, text) == (
            grpc.StatusCode.INVALID_ARGUMENT,
            "Unrecognized servable version label: canary",
        )


@pytest.mark.parametrize(
    "method",
    ["PredictionService/Predict", "PredictionService/Classify", "ModelService/GetModelStatus"],
)
def test_bytes_that_are_no_message_are_the_requests_fault_and_log_no_traceback(
    server: ModelServer, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    with grpc.insecure_channel(server.address) as channel:
        raw = channel.unary_unary(f"/tensorflow.serving.{method}")
        code, text = refusal(raw, b"\x0a\x7fshort")
    assert code is grpc.StatusCode.INTERNAL  # so gRPC's doc/statuscodes.md
    assert text.startswith("The request is no message of this method: ")
    assert not caplog.records


def test_a_bad_picture_fails_alone_with_its_index(stub: Any, encode: Encode) -> None:
    good, bad = encode("red"), b"\xff\xd8\xff no picture"
    calls = [stub.Predict.future(request_for(good, good), timeout=20) for _ in range(8)]
    failing = stub.Predict.future(request_for(good, good, bad, good), timeout=20)
    calls += [stub.Predict.future(request_for(good), timeout=20) for _ in range(8)]
    for call in calls:
        assert tf.make_ndarray(call.result().outputs["label"])[0] == b"red"
    assert failing.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "(input 2 of 4, counted from 0)" in failing.details()


def test_a_picture_of_too_many_pixels_is_refused_by_its_header(stub: Any, encode: Encode) -> None:
    huge = bytearray(encode("red"))
    huge[16:24] = (100_000).to_bytes(4, "big") * 2
    code, text = refusal(stub.Predict, request_for(encode("red"), bytes(huge)))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "Received: 10000000000. Make it smaller (input 1 of 2, counted from 0)" in text


def test_strings_left_out_repeat_the_last_and_those_too_many_are_ignored(
    stub: Any, encode: Encode
) -> None:
    few = request_for(encode("red"), encode("navy"))
    few.inputs["image"].tensor_shape.dim[0].size = 3
    labels = tf.make_ndarray(stub.Predict(few, timeout=10).outputs["label"]).tolist()
    assert labels == [b"red", b"blue", b"blue"]
    few.inputs["image"].tensor_shape.dim[0].size = 1
    assert tf.make_ndarray(stub.Predict(few, timeout=10).outputs["label"]).tolist() == [b"red"]


def test_strings_may_come_as_tensor_content(stub: Any, encode: Encode) -> None:
    pictures = [encode("red"), encode("navy", (40, 30))]
    request = request_for(*pictures)
    tensor = request.inputs["image"]
    tensor.ClearField("string_val")
    # TensorFlow's own encoding: the lengths as varints, then the bytes.
    lengths = b"".join(bytes([len(p) & 127 | 128, len(p) >> 7]) for p in pictures)
    tensor.tensor_content = lengths + b"".join(pictures)
    labels = tf.make_ndarray(stub.Predict(request, timeout=10).outputs["label"]).tolist()
    assert labels == [b"red", b"blue"]
    tensor.tensor_content = b"nonsense"
    assert refusal(stub.Predict, request) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "tensor parsing error: image",
    )


def test_long_texts_are_cut(stub: Any, encode: Encode) -> None:
    request = request_for(encode("red"))
    request.model_spec.signature_name = "x" * 5000
    _, text = refusal(stub.Predict, request)
    assert len(text) == 1024 + len("...TRUNCATED")
    assert text.endswith("x...TRUNCATED")


def test_health_and_reflection_answer(channel: grpc.Channel) -> None:
    check = health_pb2_grpc.HealthStub(channel).Check
    for service in ("", "tensorflow.serving.PredictionService", "ModelService"):
        answer = check(health_pb2.HealthCheckRequest(service=service), timeout=10)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    code, _ = refusal(check, health_pb2.HealthCheckRequest(service="unknown"))
    assert code is grpc.StatusCode.NOT_FOUND
    listing = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(
        iter([reflection_pb2.ServerReflectionRequest(list_services="")]), timeout=10
    )
    names = {service.name for service in next(listing).list_services_response.service}
    assert {"tensorflow.serving.PredictionService", "grpc.health.v1.Health"} <= names


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


def test_new_version_takes_over_without_a_failed_request(
    push: Push, encode: Encode, tmp_path: Path
) -> None:
    push(tmp_path, 1)
    answered: list[int] = []
    with (
        ModelServer(tmp_path, "colours", port=0, options=WATCHFUL) as server,
        PredictionClient(server.address, "colours") as client,
    ):
        stopped = threading.Event()

        def ask() -> None:
            while not stopped.is_set():
                answered.append(client.predict([encode("red")])[0].model_version)

        asking = threading.Thread(target=ask)
        asking.start()
        (tmp_path / "3").mkdir()  # half written: no saved_model.pb yet
        (tmp_path / ".tmp-4").mkdir()
        (tmp_path / ".tmp-4" / "saved_model.pb").touch()
        try:
            push(tmp_path, 2)
            wait_for_version(server, 2)
            count = len(answered)
            while asking.is_alive() and len(answered) < count + 20:
                time.sleep(0.01)
        finally:
            stopped.set()
            asking.join()
        assert answered == sorted(answered)  # no gap, no way back; a failure ends the thread
        assert set(answered) == {1, 2}
        assert answered[-1] == 2
        assert [(status.version, status.state) for status in client.status()] == [
            (2, "AVAILABLE"),
            (1, "END"),
        ]


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


def test_empty_model_folder_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(ModelFolderError, match="holds no version"),
        ModelServer(tmp_path, "colours", port=0),
    ):
        pass


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
