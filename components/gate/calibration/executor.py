"""Fits what the gate asks for on part of the evaluation split, in a copy of the Trainer's model."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import tensorflow as tf
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import io_utils, path_utils

from bitpipe.model import signature
from bitpipe.model.calibration import Calibration
from components import features
from components.gate import labels, settings
from components.gate.calibration import fitting, part, rewriting
from components.gate.settings import GateSettings, RejectBelow

# Execution property: JSON of the `GateSettings` that count here.
SETTINGS_KEY = "calibration"
# TFX tells inputs and outputs apart by their names.
CALIBRATED = "calibrated_model"

_PICTURES_AT_ONCE = 16


class Executor(base_executor.BaseExecutor):
    """See `components.gate.calibration.component.Calibrator`."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the output."""
        gate = msgspec.json.decode(exec_properties[SETTINGS_KEY], type=GateSettings)
        (model,) = input_dict[standard_component_specs.MODEL_KEY]
        (made,) = output_dict[CALIBRATED]
        trained = path_utils.serving_model_path(model.uri, path_utils.is_old_model_artifact(model))
        examples = artifact_utils.get_split_uri(
            input_dict[standard_component_specs.EXAMPLES_KEY], "eval"
        )
        files = sorted(tf.io.gfile.glob(f"{examples}/*"))
        found = fit(trained, files, gate)
        exported = path_utils.serving_model_dir(made.uri)
        io_utils.copy_dir(trained, exported)
        rewriting.rewrite(exported, found)


def fit(model: str, files: list[str], gate: GateSettings) -> Calibration:
    """What is to be set in a model.

    Args:
        model: its SavedModel, untouched.
        files: gzipped TFRecords of the evaluation split.
        gate: what is asked for.

    Raises:
        ConfigError: a class has the name of the answer that is none.
        DataError: there are too few pictures.
    """
    wanted = gate.reject_below
    ask = _Asked(model)
    if wanted is not None:
        settings.check_names(gate, ask.labels)
    if not gate.is_fitted:
        assert not isinstance(wanted, RejectBelow)
        return Calibration(reject_below=wanted or 0.0)
    index = {name.encode(): number for number, name in enumerate(ask.labels)}
    rows = list(_read(files, features.LABEL, features.SHA256))
    chosen = part.fitted(rows, gate.calibration_share)
    # Of a class that no training picture shows, no score is right.
    truth = np.array(
        [index[label] for label, digest in rows if digest in chosen and label in index], np.int64
    )
    settings.require_fitted(len(truth), len(rows))
    found = _read(files, features.LABEL, features.SHA256, features.IMAGE)
    pictures = (image for label, digest, image in found if digest in chosen and label in index)
    batches = iter(lambda: list(itertools.islice(pictures, _PICTURES_AT_ONCE)), [])
    scores = np.concatenate([ask(batch) for batch in batches])
    digests = tuple(sorted(digest.decode() for digest in chosen))
    return _fitted(scores, truth, gate, digests)


def _fitted(
    scores: np.ndarray, truth: np.ndarray, gate: GateSettings, pictures: tuple[str, ...]
) -> Calibration:
    is_right = scores.argmax(axis=1) == truth
    # Such a model is refused by the gate, whatever else is said of it.
    is_finite = bool(np.isfinite(scores).all())
    found = fitting.temperature(scores, truth) if gate.calibrate and is_finite else None
    below: float | None = 0.0
    precision = None
    if isinstance(gate.reject_below, RejectBelow):
        precision = gate.reject_below.precision
        if is_finite:
            best = fitting.tempered(scores, found or 1.0).max(axis=1)
            below = fitting.threshold(best, is_right, precision)
    elif gate.reject_below is not None:
        below = gate.reject_below
    return Calibration(
        temperature=found or 1.0,
        reject_below=below or 0.0,
        is_calibrated=gate.calibrate,
        precision=precision,
        reached=below is not None,
        pictures=pictures,
        right=int(is_right.sum()),
    )


class _Asked:
    """The production signature of a model."""

    def __init__(self, path: str) -> None:
        # Kept alive: its signature does not keep the variables.
        self._module = tf.saved_model.load(path)
        self._signature = self._module.signatures[signature.SERVING]
        self.labels = labels.of_loaded(self._module)

    def __call__(self, pictures: list[bytes]) -> np.ndarray:
        """Encoded pictures -> scores (pictures, classes) float32."""
        answer = self._signature(**{signature.IMAGE: tf.constant(pictures)})
        scores: np.ndarray = answer[signature.SCORES].numpy()
        return scores


def _read(files: list[str], *names: str) -> Iterator[tuple[bytes, ...]]:
    """The features of these names of each example, in the files' order."""
    spec = {name: tf.io.FixedLenFeature([], tf.string) for name in names}
    records = tf.data.TFRecordDataset(files, compression_type="GZIP").batch(_PICTURES_AT_ONCE)
    for batch in records.map(lambda one: tf.io.parse_example(one, spec)).as_numpy_iterator():
        yield from zip(*(batch[name] for name in names), strict=True)
