"""Writes down each answer while TFMA asks for it, so that no picture is shown to a model twice."""

from __future__ import annotations

import contextlib
import contextvars
import posixpath
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import apache_beam as beam
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow_model_analysis as tfma
from tfx.dsl.io import fileio

from bitpipe.model import signature
from components import features
from components.gate import kept, predictions
from components.gate.predictions import Answer, Prediction

CANDIDATE, BASELINE = "candidate", "baseline"

_FOLDER = "unfinished-predictions"
# TFX calls `extractors.py` with what it knows, and this is not among it: where to write, and the
# digests of pictures that no model is shown.
_told: contextvars.ContextVar[tuple[str, frozenset[str]]] = contextvars.ContextVar("told")


@contextlib.contextmanager
def into(uri: str, left_out: Collection[str] = ()) -> Iterator[None]:
    """Where the Evaluator that runs meanwhile keeps its answers: `predictions.FILE` below `uri`.

    Args:
        uri: of the artifact `evaluation`.
        left_out: digests of pictures by which nobody is judged.
    """
    folder = posixpath.join(uri, _FOLDER)
    token = _told.set((posixpath.join(folder, "part"), frozenset(left_out)))
    try:
        yield
    finally:
        _told.reset(token)
    parts = sorted(fileio.glob(posixpath.join(folder, "part*")))
    kept.write_predictions(uri, (one for part in parts for one in kept.read_lines(part)))
    fileio.rmtree(folder)


def filters() -> list[Any]:
    """Takes the pictures away that `into` leaves out, before anything else is done with them."""
    _, left_out = _told.get()
    if not left_out:
        return []
    return [tfma.extractors.Extractor("LeaveOut", _LeaveOut(left_out))]


def extractor() -> Any:
    """Writes to the place that `into` names."""
    prefix, _ = _told.get()
    return tfma.extractors.Extractor("RecordPredictions", _Record(prefix))


class _LeaveOut(beam.PTransform):
    """Passes on what is left of each batch of examples."""

    def __init__(self, digests: frozenset[str]) -> None:
        super().__init__()
        self._digests = pa.array([digest.encode() for digest in sorted(digests)], pa.binary())

    def expand(self, pcoll: beam.PCollection) -> beam.PCollection:
        return (
            pcoll
            | "Without" >> beam.Map(_without, self._digests)
            | "Rest" >> beam.Filter(_has_rows)
        )


def _without(extracts: Mapping[str, Any], digests: pa.Array) -> dict[str, Any]:
    batch = extracts[tfma.ARROW_RECORD_BATCH_KEY]
    # A list per row; of each example one value.
    found = pc.list_element(batch.column(batch.schema.get_field_index(features.SHA256)), 0)
    kept = pc.invert(pc.is_in(found.cast(pa.binary()), value_set=digests))
    return {**extracts, tfma.ARROW_RECORD_BATCH_KEY: batch.filter(kept)}


def _has_rows(extracts: Mapping[str, Any]) -> bool:
    return bool(extracts[tfma.ARROW_RECORD_BATCH_KEY].num_rows)


class _Record(beam.PTransform):
    """Passes the extracts on and writes a line for each."""

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self._prefix = prefix

    def expand(self, pcoll: beam.PCollection) -> beam.PCollection:
        _ = (
            pcoll
            | "Line" >> beam.Map(_line)
            | "Write" >> beam.io.WriteToText(self._prefix, coder=beam.coders.BytesCoder())
        )
        return pcoll


def _line(extracts: Mapping[str, Any]) -> bytes:
    found = extracts[tfma.FEATURES_KEY]
    label = _text(found, features.LABEL)
    answers = extracts[tfma.PREDICTIONS_KEY]
    both = CANDIDATE in answers
    return msgspec.json.encode(
        Prediction(
            filename=_text(found, features.FILENAME),
            sha256=_text(found, features.SHA256),
            label=label,
            candidate=_answer(answers[CANDIDATE] if both else answers, label),
            baseline=_answer(answers[BASELINE], label) if both else None,
        )
    )


def _text(found: Mapping[str, Any], name: str) -> str:
    values = np.ravel(found[name])
    return values[0].decode("utf-8", "backslashreplace") if values.size else ""


def _answer(outputs: Mapping[str, Any], label: str) -> Answer:
    said = np.ravel(outputs[signature.LABEL])[0].decode() if signature.LABEL in outputs else None
    return predictions.answer(
        np.ravel(outputs[signature.SCORES]),
        [name.decode() for name in np.ravel(outputs[signature.LABELS])],
        label=label,
        said=said,
    )
