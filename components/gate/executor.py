"""Judges a candidate: TFX's Evaluator asks both models, and the rules decide."""

from __future__ import annotations

import json
import logging
import posixpath
from collections.abc import Mapping
from typing import Any

import msgspec
from tfx import types
from tfx.components.evaluator import constants, executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_artifacts, standard_component_specs
from tfx.utils import io_utils, path_utils

from bitpipe import full_disk
from bitpipe.errors import BitpipeError, UnfitModelError
from bitpipe.model import calibration
from bitpipe.model.evaluation import ACCURACY, PICTURES
from components.gate import diagnosis, extractors, kept, labels, recording, rules
from components.gate.comparison import compare
from components.gate.measures import Measures, measure
from components.gate.settings import GateSettings
from components.gate.verdict import Measured, Verdict

# Execution properties: JSON of `GateSettings`, and of those that a run brings in their place.
GATE_KEY = "gate"
GATE_OF_RUN_KEY = "gate_of_run"
# The one by which TFX is told of a function, and that function.
_EXTRACTORS = extractors.custom_extractors.__name__

# A split that the data may bring, kept out of training and of the rules.
TEST = "test"

_log = logging.getLogger(__name__)


class Executor(executor.Executor):
    """TFX's Evaluator, with these differences.

    - A model in service that cannot be loaded any more is left out, with a note, instead of failing
      this and every later run; one that knows other classes, as `gate.on_label_change` says.
    - The pictures that the candidate's temperature was fitted on are shown to no model.
    - Each answer is kept (`predictions.py`), and the rules of `rules.py` judge by them.
    - The verdict is written in words beside the metrics, and the accuracy is a property of the
      blessing, for the Pusher.
    """

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Fills `evaluation` and `blessing`.

        Raises:
            UnfitModelError: the candidate cannot be asked.
        """
        try:
            self._judge(input_dict, output_dict, exec_properties)
        except BitpipeError:
            raise
        except Exception as error:
            candidate = input_dict[standard_component_specs.MODEL_KEY]
            if full_disk.is_meant(error) or (fault := diagnosis.fault(_path(candidate))) is None:
                raise
            raise UnfitModelError(
                f"the trained model cannot be judged, and is not pushed: {fault}. Delete "
                f"{candidate[0].uri} and run the same command again: it is trained anew."
            ) from error

    def _judge(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        gate = settings(exec_properties)
        notes = []
        candidate_labels: tuple[str, ...] = ()
        served_labels = None
        baseline = input_dict.get(standard_component_specs.BASELINE_MODEL_KEY)
        if baseline:
            try:
                served_labels = labels.of(_path(baseline))
            # Damaged files make TensorFlow raise whatever they lead to.
            except Exception as error:
                if full_disk.is_meant(error):  # it is as it was, and no worse one may pass
                    raise
                _log.warning("The model in service cannot be loaded.", exc_info=True)
                notes.append(
                    f"the model in service cannot be loaded ({type(error).__name__}): judged "
                    "without it"
                )
                input_dict = _alone(input_dict)
            else:
                # Loading it takes seconds, for a comparison alone.
                candidate_labels = labels.of(_path(input_dict[standard_component_specs.MODEL_KEY]))
                same = set(candidate_labels) == set(served_labels)
                if not same and gate.on_label_change != "judge_common":
                    input_dict = _alone(input_dict)
        # TFX's own is not told what it would pass on to TFMA.
        known = {
            key: value
            for key, value in exec_properties.items()
            if key not in (GATE_KEY, GATE_OF_RUN_KEY)
        }
        uri = artifact_utils.get_single_uri(output_dict[standard_component_specs.EVALUATION_KEY])
        calibrated = calibration.read(_path(input_dict[standard_component_specs.MODEL_KEY]))
        with recording.into(uri, calibrated.pictures):
            super().Do(
                input_dict,
                output_dict,
                known | {_EXTRACTORS: f"{extractors.__name__}.{_EXTRACTORS}"},
            )

        measured = Measured(
            measure(kept.read_predictions(uri)),
            compare(lambda: kept.read_predictions(uri)),
            self._test(uri, input_dict, known),
        )
        facts = rules.Facts(
            candidate=measured.candidate,
            compared=measured.compared,
            labels=candidate_labels,
            served_labels=served_labels,
            calibration=calibrated,
        )
        checks = rules.checks(facts, gate)
        verdict = Verdict(
            blessed=all(check.passed for check in checks),
            checks=tuple(checks),
            notes=(*notes, *rules.notes(facts, gate), *_told(measured.test)),
        )
        kept.write_verdict(uri, verdict, measured)
        blessing = artifact_utils.get_single_instance(
            output_dict[standard_component_specs.BLESSING_KEY]
        )
        blessing.set_float_custom_property(ACCURACY, measured.candidate.accuracy)
        blessing.set_int_custom_property(PICTURES, measured.candidate.pictures)
        if not verdict.blessed:
            _refuse(blessing)

    def _test(
        self, uri: str, input_dict: dict[str, list[types.Artifact]], known: dict[str, Any]
    ) -> Measures | None:
        """The candidate alone on the split `test`, with its answers in a folder of that name."""
        examples = artifact_utils.get_single_instance(
            input_dict[standard_component_specs.EXAMPLES_KEY]
        )
        if TEST not in artifact_utils.decode_split_names(examples.split_names):
            return None
        records = posixpath.join(artifact_utils.get_split_uri([examples], TEST), "*")
        if not fileio.glob(records):  # none could be read
            return None
        evaluation = standard_artifacts.ModelEvaluation()
        evaluation.uri = posixpath.join(uri, TEST)
        # TFX writes one wherever it judges; this one is nobody's.
        blessing = standard_artifacts.ModelBlessing()
        blessing.uri = posixpath.join(evaluation.uri, "blessing")
        with recording.into(evaluation.uri):
            super().Do(
                _alone(input_dict),
                {
                    standard_component_specs.EVALUATION_KEY: [evaluation],
                    standard_component_specs.BLESSING_KEY: [blessing],
                },
                known
                | {
                    _EXTRACTORS: f"{extractors.__name__}.{_EXTRACTORS}",
                    standard_component_specs.EXAMPLE_SPLITS_KEY: json.dumps([TEST]),
                },
            )
        fileio.rmtree(blessing.uri)
        return measure(kept.read_predictions(evaluation.uri))


def _told(test: Measures | None) -> tuple[str, ...]:
    if test is None:
        return ()
    return (
        f"accuracy {test.accuracy:.4f} on the {test.pictures} pictures of the split {TEST}, by "
        "which nothing was decided",
    )


def settings(exec_properties: Mapping[str, Any]) -> GateSettings:
    """What the stage was told, and what the run says instead."""
    told = json.loads(exec_properties[GATE_KEY])
    told |= json.loads(exec_properties.get(GATE_OF_RUN_KEY) or "{}")
    return msgspec.convert(told, GateSettings)


def _alone(input_dict: dict[str, list[types.Artifact]]) -> dict[str, list[types.Artifact]]:
    """Without the model in service."""
    return {
        key: value
        for key, value in input_dict.items()
        if key != standard_component_specs.BASELINE_MODEL_KEY
    }


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
