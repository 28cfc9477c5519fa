"""Requests that a server answers for itself while it loads a model, before anybody waits for it.

TensorFlow plans a graph, chooses its kernels and takes its memory when a signature is first asked
for a batch of a size. TensorFlow Serving and the embedded server read the file that is written
here, and do so before they say that a version is available.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from bitpipe.model import signature
from components import features

# Below the model's folder; the name is TensorFlow Serving's
# (servables/tensorflow/saved_model_warmup_util.h), and so is the limit of 1000 records.
FILE = "assets.extra/tf_serving_warmup_requests"

# Up to `max_batch_size` of the servers (serving.server.options.Batching and
# kubernetes/serving/base/batching_parameters.txt). They allow every size up to it; only an
# accelerator tells one from the next, and is set up with powers of two. What it has found out for
# the network's convolutions serves all signatures: the others are asked once, for their graphs.
BATCH_SIZES = (1, 2, 4, 8, 16)

# Pixels: decoded, it is resized to what the network takes, so that its own size does not matter.
_SIDE = 8


def write(path: str, labels: Sequence[str]) -> None:
    """Writes the file into a SavedModel; see `requests`.

    Args:
        path: of the SavedModel, wherever TensorFlow can write.
        labels: class names of the model.
    """
    tf.io.gfile.makedirs(f"{path}/{FILE}".rpartition("/")[0])
    with tf.io.TFRecordWriter(f"{path}/{FILE}") as writer:
        for request in requests(labels):
            log = prediction_log_pb2.PredictionLog(
                predict_log=prediction_log_pb2.PredictLog(request=request)
            )
            writer.write(log.SerializeToString(deterministic=True))


def requests(labels: Sequence[str]) -> Iterator[Any]:
    """The PredictRequests, all of generated pictures.

    In all sizes for the signature that clients ask, in one for every other: also for that of
    Classify, which Predict can be asked for as well, because it is the graph that is warmed up.

    Args:
        labels: class names of the model.
    """
    pictures = [_picture("PNG"), _picture("JPEG")]
    examples = [_example(data) for data in pictures]
    inputs = {
        signature.SERVING: (signature.IMAGE, pictures),
        signature.SERVING_TOP: (signature.IMAGE, pictures),
        signature.CLASSIFY: (signature.EXAMPLES, examples),
        signature.TRANSFORM_FEATURES: (features.LABEL, [name.encode() for name in labels[:2]]),
    }
    for name, (key, values) in inputs.items():
        for size in BATCH_SIZES if name == signature.SERVING else BATCH_SIZES[:1]:
            request = predict_pb2.PredictRequest()
            request.model_spec.signature_name = name
            batch = [values[index % len(values)] for index in range(size)]
            request.inputs[key].CopyFrom(tf.make_tensor_proto(batch, tf.string, [size]))
            yield request


def _picture(form: str) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (_SIDE, _SIDE, 3), np.uint8)
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, form)
    return encoded.getvalue()


def _example(picture: bytes) -> bytes:
    value = tf.train.Feature(bytes_list=tf.train.BytesList(value=[picture]))
    example = tf.train.Example(features=tf.train.Features(feature={signature.IMAGE: value}))
    return bytes(example.SerializeToString(deterministic=True))
