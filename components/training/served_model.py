"""The exported SavedModel: production signatures (`bitpipe.model.signature`) around the network."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import keras
import tensorflow as tf
import tensorflow_transform as tft

from bitpipe.model import calibration, description, signature, training
from bitpipe.stores.paths import join
from components import features, preprocessing
from components.bit import matching, networks, resnet_v2
from components.training import served_precision, served_signatures, warm_up

_MAGICS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")


class ServedModel(tf.__internal__.tracking.AutoTrackable):
    """A classifier that takes encoded pictures and carries its class names.

    Loaded again it is also a reusable SavedModel like the hub's BiT modules: called with pictures
    (B, H, W, 3) float32 in [0, 1] of any size it returns features (B, C), and its
    `trainable_variables` can be trained further.

    Args:
        model: of `resnet_v2.build`; pictures (B, eval_size, eval_size, 3) float32 in [0, 1] ->
            logits (B, classes). Not changed.
        transform: output of the Transform stage; its graph decodes and resizes.
        class_names: names in the order of the logits.
        precision: in which the signatures compute, of `served_precision`; what they take and give
            is the same, and so are the variables, which are float32.
    """

    def __init__(
        self,
        model: keras.Model,
        transform: tft.TFTransformOutput,
        class_names: Sequence[str],
        precision: str = served_precision.FLOAT32,
    ) -> None:
        super().__init__()
        folded = resnet_v2.fold(model, one_pass=True)
        # A closure, because an attribute would be tracked.
        self.describe: Callable[[], description.Description | None] = functools.partial(
            _describe, folded, transform, class_names, precision
        )
        # The variables themselves, not the Keras model. Keras 3 exports its own wrappers with a
        # second handle for each variable, and only that one is restored by loaders that work on the
        # graph, as TensorFlow Serving does: "Could not find variable".
        self.variables = [variable.value for variable in folded.variables]
        self.trainable_variables = [variable.value for variable in folded.trainable_variables]
        self.regularization_losses: list[tf.Tensor] = []
        self.transform_layer = transform.transform_features_layer()
        self.class_names = tf.constant(list(class_names))
        # Set in the finished export, by what is seen of it (components/gate/calibration).
        self.temperature = tf.Variable(1.0, trainable=False, name=calibration.TEMPERATURE)
        self.reject_below = tf.Variable(0.0, trainable=False, name=calibration.REJECT_BELOW)
        self._logits = _also_of_none(served_precision.network(folded, precision))
        features_of = keras.Model(model.input, model.get_layer(resnet_v2.FEATURES).output)
        # Standardising twice changes nothing, so the network that standardises runs on the folded
        # kernels: whoever trains on keeps BiT's weight standardisation.
        backbone = folded.trainable_variables[: len(features_of.trainable_variables)]
        self._features = _also_of_none(
            lambda pictures: features_of.stateless_call(
                [variable.value for variable in backbone], [], pictures, training=False
            )[0]
        )

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32, name="images")])
    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        """Features (B, C) float32 of pictures (B, H, W, 3) float32 in [0, 1]."""
        return self._features(images)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name=features.IMAGE)])
    def classify(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        """Encoded JPEG or PNG (B,) string -> scores, labels and label.

        The scores are (B, classes) float32 and sum to 1, the labels (B, classes) string in the
        same order; the label (B,) string is the best one, or `signature.UNKNOWN` where its score is
        below `reject_below`.
        """
        with tf.control_dependencies([_assert_format(image)]):
            pictures = self.transform_layer({features.IMAGE: tf.expand_dims(image, 1)})
        logits = self._logits(pictures[preprocessing.EVAL_IMAGE])
        scores = tf.nn.softmax(logits / self.temperature)
        names = tf.broadcast_to(self.class_names, tf.shape(scores))
        best = tf.gather(self.class_names, tf.argmax(scores, axis=1))
        is_rejected = tf.reduce_max(scores, axis=1) < self.reject_below
        label = tf.where(is_rejected, signature.UNKNOWN, best)
        return {signature.SCORES: scores, signature.LABELS: names, signature.LABEL: label}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name=features.LABEL)])
    def transform_features(self, label: tf.Tensor) -> dict[str, tf.Tensor]:
        """Class names (B,) -> indices (B,) int64, -1 for an unknown one, for TFMA."""
        matches = tf.equal(label[:, tf.newaxis], self.class_names[tf.newaxis, :])
        index = tf.where(
            tf.reduce_any(matches, 1), tf.argmax(matches, 1), tf.constant(-1, tf.int64)
        )
        return {preprocessing.LABEL: index}


def _describe(
    model: keras.Model,
    transform: tft.TFTransformOutput,
    class_names: Sequence[str],
    precision: str,
) -> description.Description | None:
    """None for a network of a variant of one's own, which has no name to be built by."""
    shapes = {
        str(matching.canonical_name(variable.path)): tuple(variable.shape)
        for variable in model.variables
    }
    variant = networks.of_names(shapes, shapes.__getitem__)
    if variant is None:
        return None
    size, _, _ = transform.transformed_feature_spec()[preprocessing.EVAL_IMAGE].shape
    return description.Description(
        variant=variant,
        size=size,
        labels=tuple(class_names),
        variables=tuple(shapes),
        precision=precision,
    )


def _assert_format(image: tf.Tensor) -> tf.Operation:
    """Fails unless all are JPEG or PNG, as promised.

    TensorFlow decodes more, of which some take the memory for what no server can read from their
    first bytes: a GIF that of its largest picture, wherever it is.
    """
    is_known = tf.reduce_any(
        [tf.equal(tf.strings.substr(image, 0, len(magic)), magic) for magic in _MAGICS], axis=0
    )
    return tf.debugging.Assert(
        tf.reduce_all(is_known), ["Unknown image file format. One of JPEG, PNG required."]
    )


def _also_of_none(network: Callable[[tf.Tensor], tf.Tensor]) -> Callable[[tf.Tensor], tf.Tensor]:
    """The network for empty batches, too.

    TensorFlow 2.16's fused padding and convolution gives an empty batch the channels of its input,
    which no later operation accepts; so one blank picture stands in.
    """

    def apply(pictures: tf.Tensor) -> tf.Tensor:
        count = tf.shape(pictures)[0]
        missing = tf.cast(tf.equal(count, 0), tf.int32)
        return network(tf.pad(pictures, [[0, missing], [0, 0], [0, 0], [0, 0]]))[:count]

    return apply


def export(served: ServedModel, path: str, trained: training.Training | None = None) -> None:
    """Writes the SavedModel to `path`: signatures, warm-up, what it is, how it was trained."""
    tf.saved_model.save(
        served,
        path,
        signatures={
            signature.SERVING: served.classify,
            **served_signatures.derived(served.classify),
            signature.TRANSFORM_FEATURES: served.transform_features,
        },
    )
    served_signatures.name_methods(path)
    warm_up.write(path, [name.decode() for name in served.class_names.numpy()])
    if described := served.describe():
        _write(join(path, description.PLACE), described.to_json())
    if trained:
        _write(join(path, training.FILE), trained.to_json())


def _write(place: str, content: str) -> None:
    tf.io.gfile.makedirs(place.rpartition("/")[0])
    with tf.io.gfile.GFile(place, "w") as file:
        file.write(content)
