"""Sets the two numbers of a finished export; its graph and its weights stay as they are."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from bitpipe.errors import ModelLoadError
from bitpipe.model import calibration, description
from bitpipe.model.calibration import Calibration
from bitpipe.stores.paths import join

_KEY = "{}/.ATTRIBUTES/VARIABLE_VALUE"


def rewrite(path: str, found: Calibration) -> None:
    """Sets temperature and threshold in the SavedModel at `path`, and says so beside it.

    Raises:
        ModelLoadError: it has no such variables.
    """
    values = {
        _KEY.format(calibration.TEMPERATURE): found.temperature,
        _KEY.format(calibration.REJECT_BELOW): found.reject_below,
    }
    prefix = join(path, "variables", "variables")
    reader = tf.train.load_checkpoint(prefix)
    names = sorted(reader.get_variable_to_dtype_map())
    if not values.keys() <= set(names):
        raise ModelLoadError(
            f"gate.calibrate and gate.reject_below need a model that this bitpipe has exported. "
            f"{path} has no temperature: train it again, or leave them out."
        )
    tensors = [
        tf.constant(values[name], tf.float32) if name in values else reader.get_tensor(name)
        for name in names
    ]
    tf.raw_ops.SaveV2(
        prefix=prefix, tensor_names=names, shape_and_slices=[""] * len(names), tensors=tensors
    )
    # TensorFlow's digest of the former weights; nothing needs it.
    if tf.io.gfile.exists(fingerprint := join(path, "fingerprint.pb")):
        tf.io.gfile.remove(fingerprint)
    _write(join(path, calibration.FILE), found.to_json())
    if described := description.read(path):
        told = dataclasses.replace(described, temperature=found.temperature)
        _write(join(path, description.PLACE), told.to_json())


def _write(place: str, content: str) -> None:
    tf.io.gfile.makedirs(place.rpartition("/")[0])
    with tf.io.gfile.GFile(place, "w") as file:
        file.write(content)
