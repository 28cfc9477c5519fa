"""The signatures of an exported model that say what `serving_default` says in another form."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from bitpipe.model import signature

_Answer = dict[str, tf.Tensor]


def derived(classify: Any) -> dict[str, Any]:
    """Name -> `tf.function` of the signatures that follow from the production signature.

    Args:
        classify: the `tf.function` of `signature.SERVING`.
    """

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name=signature.IMAGE)])
    def top(image: tf.Tensor) -> _Answer:
        answer = classify(image)
        scores, labels = _best(answer, signature.TOP_K)
        return {
            signature.SCORES: scores,
            signature.LABELS: labels,
            signature.LABEL: answer[signature.LABEL],
        }

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name=signature.EXAMPLES)])
    def classify_examples(inputs: tf.Tensor) -> _Answer:
        feature = {signature.IMAGE: tf.io.FixedLenFeature([], tf.string)}
        answer = classify(tf.io.parse_example(inputs, feature)[signature.IMAGE])
        scores, labels = _best(answer)
        return {signature.CLASSES: labels, signature.SCORES: scores}

    return {signature.SERVING_TOP: top, signature.CLASSIFY: classify_examples}


def name_methods(path: str) -> None:
    """Marks the signature for Classify in the SavedModel at `path` as one.

    `tf.saved_model.save` calls every signature one for Predict, which TensorFlow Serving's Classify
    refuses up to 2.2, and later with --enable_signature_method_name_check.
    """
    updater = tf.compat.v1.saved_model.signature_def_utils.MethodNameUpdater(path)
    updater.replace_method_name(signature.CLASSIFY, signature.CLASSIFY_METHOD, tags="serve")
    updater.save()


def _best(answer: _Answer, most: int | None = None) -> tuple[tf.Tensor, tf.Tensor]:
    """Scores and labels, highest score first; of equal ones, the class that comes first."""
    scores = answer[signature.SCORES]
    count = tf.shape(scores)[1]
    best = tf.math.top_k(scores, count if most is None else tf.minimum(most, count))
    return best.values, tf.gather(answer[signature.LABELS], best.indices, batch_dims=1)
