"""The contract of a served model: the names in its signatures, and whether a signature keeps it.

`serving_default` takes `image`, (B,) strings, each an encoded JPEG or PNG, and returns `scores`,
(B, classes) float32 that sum to 1, `labels`, (B, classes) strings in the same order, and `label`,
(B,) strings, the best of them. The exporter writes it; the gate judges through it; servers, clients
and batch jobs speak it.
"""

from collections.abc import Collection

# Also what TensorFlow Serving answers with where a request names no signature.
SERVING = "serving_default"
# Class names -> indices: what the gate needs beside it, to know a raw example's label.
TRANSFORM_FEATURES = "transform_features"

IMAGE = "image"
SCORES = "scores"
LABELS = "labels"
LABEL = "label"
# What is asked for: `label` follows from them.
OUTPUTS = (SCORES, LABELS)


def is_kept(inputs: Collection[str], outputs: Collection[str]) -> bool:
    """Whether a signature with inputs and outputs of these names can be asked about pictures."""
    return set(inputs) == {IMAGE} and set(outputs) >= set(OUTPUTS)
