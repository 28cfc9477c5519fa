"""Classify: tf.Examples in, classes and scores out, by signatures made for it.

Rules and texts are those of servables/tensorflow/classifier.cc and util.cc.
"""

from typing import Any

import numpy as np
from google.protobuf.message import DecodeError
from tensorflow.core.example import example_pb2
from tensorflow_serving.apis import classification_pb2

from bitpipe.model.signature import CLASSES, CLASSIFY, EXAMPLES, SCORES
from serving.status import FailedPreconditionError, InvalidArgumentError


def check(signatures: dict[str, Any], name: str) -> None:
    """Makes sure that a signature is one for Classify.

    Args:
        signatures: name -> SignatureDef.
        name: the signature that is asked for.

    Raises:
        InvalidArgumentError, FailedPreconditionError: it is none; says which is, if any.
    """
    signature = signatures.get(name)
    if signature is None:
        raise InvalidArgumentError(f"No signature was found with the name: {name}")
    if len(signature.inputs) != 1:
        raise InvalidArgumentError("Expected one input Tensor.")
    if len(signature.outputs) not in (1, 2):
        raise InvalidArgumentError(
            f"Expected one or two output Tensors, found {len(signature.outputs)}{_hint(signatures)}"
        )
    if EXAMPLES not in signature.inputs:
        raise FailedPreconditionError(
            f"No classification inputs found in SignatureDef: {signature}{_hint(signatures)}"
        )
    if not set(signature.outputs) & {CLASSES, SCORES}:
        raise FailedPreconditionError(
            f"Expected classification signature outputs to contain at least one of "
            f'"{CLASSES}" or "{SCORES}". Signature was: {signature}{_hint(signatures)}'
        )


def _hint(signatures: dict[str, Any]) -> str:
    return f". Set signature_name to {CLASSIFY}." if CLASSIFY in signatures else ""


def serialized_examples(message: Any) -> np.ndarray:
    """The tf.Examples of an `Input`, serialized: (B,) of bytes, each with the context's features.

    Raises:
        InvalidArgumentError: there are none.
    """
    context = b""
    examples = message.example_list.examples
    if message.WhichOneof("kind") == "example_list_with_context":
        # Joined on the wire, two messages are merged.
        context = message.example_list_with_context.context.SerializeToString()
        examples = message.example_list_with_context.examples
    if not examples:
        raise InvalidArgumentError("Input is empty.")
    array = np.empty(len(examples), object)
    array[:] = [context + example.SerializeToString() for example in examples]
    return array


def pictures(serialized: bytes) -> list[bytes]:
    """What may be pictures in a serialized tf.Example: all its bytes; none if it is no Example."""
    try:
        example = example_pb2.Example.FromString(serialized)
    except DecodeError:
        return []
    features = example.features.feature.values()
    return [value for feature in features for value in feature.bytes_list.value]


def response(outputs: dict[str, np.ndarray], examples: int) -> Any:
    """The ClassificationResponse, without `model_spec`.

    Args:
        outputs: `classes`, (B, C) of bytes, `scores`, (B, C) float32, or both.
        examples: B.

    Raises:
        InvalidArgumentError: arrays of other kinds or shapes.
    """
    classes, scores = outputs.get(CLASSES), outputs.get(SCORES)
    for name, array, kind, wanted in (
        (CLASSES, classes, object, "classes Tensor of DT_STRING"),
        (SCORES, scores, np.float32, "scores Tensor of DT_FLOAT"),
    ):
        if array is None:
            continue
        if array.ndim != 2:
            raise InvalidArgumentError(
                f"Expected Tensor shape: [batch_size num_classes] but got {list(array.shape)}"
            )
        if array.dtype != kind:
            raise InvalidArgumentError(f"Expected {wanted}. Got: {array.dtype}")
        if len(array) != examples:
            raise InvalidArgumentError(
                f"Expected {name} output batch size of {examples}. Got: {len(array)}"
            )
    if classes is not None and scores is not None and classes.shape != scores.shape:
        raise InvalidArgumentError(
            f"Tensors class and score should match in dim_size(1). Got {classes.shape[1]} vs. "
            f"{scores.shape[1]}"
        )
    reply = classification_pb2.ClassificationResponse()
    for row in range(examples):
        added = reply.result.classifications.add()
        for column in range((scores if classes is None else classes).shape[1]):  # type: ignore[union-attr]
            one = added.classes.add()
            if classes is not None:
                one.label = classes[row, column].decode("utf-8", "replace")
            if scores is not None:
                one.score = scores[row, column]
    return reply
