"""Writes down each answer while TFMA asks for it, so that no picture is shown to a model twice."""

from __future__ import annotations

import contextlib
import contextvars
import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

import apache_beam as beam
import msgspec
import numpy as np
import tensorflow_model_analysis as tfma
from tfx.dsl.io import fileio

from bitpipe.model import signature
from components import features
from components.gate import kept
from components.gate.predictions import Answer, Prediction

CANDIDATE, BASELINE = "candidate", "baseline"

_FOLDER = "unfinished-predictions"
# TFX calls `extractors.py` with what it knows, and where to write is not among it.
_destination: contextvars.ContextVar[str] = contextvars.ContextVar("destination")


@contextlib.contextmanager
def into(uri: str) -> Iterator[None]:
    """Where the Evaluator that runs meanwhile keeps its answers: `predictions.FILE` below `uri`."""
    folder = posixpath.join(uri, _FOLDER)
    token = _destination.set(posixpath.join(folder, "part"))
    try:
        yield
    finally:
        _destination.reset(token)
    parts = sorted(fileio.glob(posixpath.join(folder, "part*")))
    kept.write_predictions(uri, (one for part in parts for one in kept.read_lines(part)))
    fileio.rmtree(folder)


def extractor() -> Any:
    """Writes to the place that `into` names."""
    return tfma.extractors.Extractor("RecordPredictions", _Record(_destination.get()))


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
    """The best classes of one picture; of equal scores the class that comes first."""
    scores = np.ravel(outputs[signature.SCORES])
    names = [name.decode() for name in np.ravel(outputs[signature.LABELS])]
    if not np.isfinite(scores).all():
        return Answer((), (), None)
    best = np.argsort(-scores, kind="stable")[: signature.TOP_K]
    return Answer(
        labels=tuple(names[index] for index in best),
        scores=tuple(float(scores[index]) for index in best),
        label_score=float(scores[names.index(label)]) if label in names else None,
    )
