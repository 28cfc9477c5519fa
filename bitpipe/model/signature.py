"""The contract of a served model: the names in its signatures, and whether a signature keeps it.

`serving_default` takes `image`, (B,) strings, each an encoded JPEG or PNG, and returns `scores`,
(B, classes) float32 that sum to 1, `labels`, (B, classes) strings in the same order, and `label`,
(B,) strings, the answer: the best of them, or `UNKNOWN` where the model was told not to answer
below a score (`gate.reject_below`). Scores and labels are those of the classes either way. The
exporter writes it; the gate judges through it; servers, clients
and batch jobs speak it.

Two more give the same answers in another form. `serving_top_5` takes the same and returns the best
classes alone, best first: `scores` and `labels` are (B, 5), or (B, classes) where there are fewer.
`classify` is what TensorFlow Serving's Classify asks: `inputs`, (B,) strings, each a tf.Example
with the feature `image`; `classes` and `scores`, (B, classes), best first. Models that were
exported earlier have neither.
"""

from collections.abc import Collection

# Also what TensorFlow Serving answers with where a request names no signature.
SERVING = "serving_default"
TOP_K = 5
# A reply of `serving_default` repeats the names of all classes for each picture: 40 KB with 1,000.
SERVING_TOP = f"serving_top_{TOP_K}"
CLASSIFY = "classify"
# Class names -> indices: what the gate needs beside it, to know a raw example's label.
TRANSFORM_FEATURES = "transform_features"

IMAGE = "image"
SCORES = "scores"
LABELS = "labels"
LABEL = "label"
# What no model that can be asked about pictures lacks. `label` follows from them, unless the model
# may answer `UNKNOWN`.
OUTPUTS = (SCORES, LABELS)
UNKNOWN = "unknown"

# tensorflow/cc/saved_model/signature_constants.h: kClassifyMethodName and the names it goes with.
CLASSIFY_METHOD = "tensorflow/serving/classify"
EXAMPLES = "inputs"
CLASSES = "classes"


def is_kept(inputs: Collection[str], outputs: Collection[str]) -> bool:
    """Whether a signature with inputs and outputs of these names can be asked about pictures."""
    return set(inputs) == {IMAGE} and set(outputs) >= set(OUTPUTS)
