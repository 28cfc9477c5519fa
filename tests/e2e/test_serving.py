"""A pushed model answers over gRPC what the network itself says."""

import grpc
import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from bitpipe.model.signature import SERVING_TOP
from components.bit import resnet_v2, weights
from serving.client import PredictionClient
from serving.server import ModelServer
from tests.pictures import COLOURS, picture

pytestmark = [pytest.mark.e2e, pytest.mark.tfx]

PICTURES = [picture(colour, size=(40, 30), noise=50, seed=99) for colour in COLOURS]


@pytest.fixture(scope="module")
def server(pipeline, first):
    with ModelServer(pipeline.out / "serving", "smoke", port=0) as server:
        yield server


def test_grpc_predictions_equal_the_keras_models_own(pipeline, server):
    model = resnet_v2.build("R14x0.5", num_classes=3)
    exported = pipeline.out / "serving" / "smoke" / str(server.version)
    weights.load(model, str(exported), head=True)
    decoded = [tf.image.resize(tf.io.decode_image(p, channels=3), [32, 32]) / 255 for p in PICTURES]
    expected = keras.ops.convert_to_numpy(keras.ops.softmax(model(tf.stack(decoded))))

    request = predict_pb2.PredictRequest()
    request.model_spec.name = "smoke"
    request.inputs["image"].CopyFrom(tf.make_tensor_proto(PICTURES))
    with grpc.insecure_channel(server.address) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        response = stub.Predict(request, timeout=30)
    np.testing.assert_allclose(tf.make_ndarray(response.outputs["scores"]), expected, atol=1e-4)


def test_the_client_names_what_is_in_the_pictures(server):
    with PredictionClient(server.address, "smoke") as client:
        answers = client.predict(PICTURES)
    assert [answer.label for answer in answers] == list(COLOURS)
    assert {answer.model_version for answer in answers} == {server.version}


def test_few_labels_are_the_best_of_all(server):
    with (
        PredictionClient(server.address, "smoke") as whole,
        PredictionClient(server.address, "smoke", top=2) as short,
    ):
        for all_labels, two in zip(whole.predict(PICTURES), short.predict(PICTURES), strict=True):
            assert two.scores == all_labels.scores[:2]
        assert short._signature == SERVING_TOP


def test_the_newest_pushed_version_is_the_one_that_answers(pipeline, server):
    assert server.version == pipeline.served[-1]
