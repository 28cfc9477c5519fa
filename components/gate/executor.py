"""Judges a candidate: TFMA's thresholds, then this project's own rules."""

from __future__ import annotations

import logging
import posixpath
from typing import Any

import msgspec
from tfx import types
from tfx.components.evaluator import constants, executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import io_utils, path_utils

from bitpipe.model.evaluation import ACCURACY, PICTURES
from components.gate import evaluation, labels, rules
from components.gate.settings import GateSettings
from components.gate.verdict import Verdict, write

# Execution property: JSON of `GateSettings`, for the rules that TFMA does not know.
GATE_KEY = "gate"

_log = logging.getLogger(__name__)


class Executor(executor.Executor):
    """TFX's Evaluator, with three differences.

    - A model in service that cannot be loaded any more is left out, with a note, instead of failing
      this and every later run.
    - What TFMA blesses must also keep the rules of `rules.py`.
    - The verdict is written in words beside the metrics, and the accuracy is a property of the
      blessing, for the Pusher.
    """

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Fills `evaluation` and `blessing`."""
        gate = msgspec.json.decode(exec_properties[GATE_KEY], type=GateSettings)
        candidate = _path(input_dict[standard_component_specs.MODEL_KEY])
        notes = []
        baseline = input_dict.get(standard_component_specs.BASELINE_MODEL_KEY)
        served_labels = None
        if baseline:
            try:
                served_labels = labels.of(_path(baseline))
            # Damaged files make TensorFlow raise whatever they lead to.
            except Exception as error:
                _log.warning("The model in service cannot be loaded.", exc_info=True)
                notes.append(
                    f"the model in service cannot be loaded ({type(error).__name__}): judged "
                    "without it"
                )
                input_dict = {
                    key: value
                    for key, value in input_dict.items()
                    if key != standard_component_specs.BASELINE_MODEL_KEY
                }
        # TFX's own is not told what it would pass on to TFMA.
        known = {key: value for key, value in exec_properties.items() if key != GATE_KEY}
        super().Do(input_dict, output_dict, known)

        uri = artifact_utils.get_single_uri(output_dict[standard_component_specs.EVALUATION_KEY])
        found = evaluation.read(uri)
        facts = rules.Facts(
            accuracy=found.accuracy,
            unusable=found.unusable,
            by_class=found.by_class,
            counts=found.counts,
            # Loading it takes seconds, for a comparison alone.
            labels=() if served_labels is None else labels.of(candidate),
            served_labels=served_labels,
        )
        objections = (*found.objections, *rules.objections(facts, gate))
        blessing = artifact_utils.get_single_instance(
            output_dict[standard_component_specs.BLESSING_KEY]
        )
        blessing.set_float_custom_property(ACCURACY, found.accuracy)
        blessing.set_int_custom_property(PICTURES, found.num_examples)
        write(uri, Verdict(not objections, objections, (*notes, *rules.notes(facts))))
        if objections:
            _refuse(blessing)


def _path(artifacts: list[types.Artifact]) -> str:
    model = artifact_utils.get_single_instance(artifacts)
    return path_utils.serving_model_path(model.uri, path_utils.is_old_model_artifact(model))


def _refuse(blessing: types.Artifact) -> None:
    """Takes back what TFX has written."""
    blessed = posixpath.join(blessing.uri, constants.BLESSED_FILE_NAME)
    if fileio.exists(blessed):
        fileio.remove(blessed)
    io_utils.write_string_file(posixpath.join(blessing.uri, constants.NOT_BLESSED_FILE_NAME), "")
    blessing.set_int_custom_property(
        constants.ARTIFACT_PROPERTY_BLESSED_KEY, constants.NOT_BLESSED_VALUE
    )
