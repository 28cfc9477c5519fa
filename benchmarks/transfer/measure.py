"""Measures a cell with the training functions of the product itself."""

from __future__ import annotations

import dataclasses
import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from benchmarks.transfer import cells, datasets, examples
from benchmarks.transfer.cells import Cell
from benchmarks.transfer.examples import Examples, Prepared
from benchmarks.transfer.results import Measured
from components.bit import hyperrule, resnet_v2, weights
from components.bit.hyperrule import HyperRule
from components.bit.packaged import BACKBONE, SOURCES
from components.code_version import code_version
from components.settings import LabelSafe, TrainSettings
from components.training import head, held_out, inputs, probe
from components.training.best import Score
from components.training.fine_tuning import CLIP_AFTER_PROBE, fine_tune
from components.training.frozen import Frozen, is_mirrored
from components.training.method import BOTH
from components.training.selection import Selection, select

# By which a rate is judged: unused training pictures, as these cost as much as training.
_MOST_UNUSED = 500
_AREA = 1.0  # of pictures: the sizes that follow from it are overridden
_NEVER = 10**6


class Bench:
    """Measures cells.

    Args:
        source: the folder of the archives.
        folder: the cache, of examples and features.
    """

    def __init__(self, source: Path, folder: Path) -> None:
        self._source = source
        self._folder = folder
        self._variant = SOURCES[BACKBONE].variant
        self._code = "-".join(
            map(code_version, ("components.preprocessing", "components.bit.resnet_v2"))
        )

    def measure(self, cell: Cell, rate: float | None) -> Measured:
        """Trains and judges.

        Args:
            cell: what.
            rate: peak learning rate at the cell's batch; not read for a probe.
        """
        data = datasets.DATA[cell.data]
        ingested = examples.ingest(data, self._source, self._folder)
        keras.backend.clear_session()
        keras.utils.set_random_seed(cell.seed)
        model = resnet_v2.build(self._variant, num_classes=len(ingested.class_names))
        if cell.method != cells.SCRATCH:
            weights.load(model, BACKBONE)
        settings = TrainSettings(
            label_safe=LabelSafe(flip=data.flip),
            examples_per_class=cell.shots,
            seed=cell.seed,
            checkpoint_every=cells.CURVE_EVERY if cell.kind == "curve" else _NEVER,
        )
        chosen = select(ingested.train, settings)
        run = _Run(cell, data, ingested, model, settings, chosen)
        started = time.monotonic()
        size = data.train_size if cell.method == cells.SAME_SIZE else data.probe_size
        facts: dict[str, Any] = {"size": size}
        if cell.method in (*cells.PROBES, BOTH):
            self._train_head(run, size, self._kept)
        if cell.method not in cells.PROBES:
            assert rate is not None
            facts, accuracy = self._train_network(run, rate)
        if cell.method == BOTH:
            with tempfile.TemporaryDirectory(prefix="bitpipe-transfer-") as folder:
                plain = dataclasses.replace(data, flip=False)  # as the Trainer, at the end
                self._train_head(dataclasses.replace(run, data=plain), size, folder)
                accuracy = self._judged_by_features(run, size, folder)
            facts["eval_size"] = size
        elif cell.method in cells.PROBES:
            accuracy = self._judged_by_features(run, size, self._kept)
        return Measured(
            cell,
            accuracy,
            round(time.monotonic() - started, 1),
            facts | {"pictures": chosen.num_trained},
        )

    @property
    def _kept(self) -> str:
        return str(self._folder / "features")

    def _frozen(
        self, run: _Run, files: list[str], chosen: Selection, size: int, kept_in: str
    ) -> Frozen:
        return Frozen(
            run.model,
            files,
            Prepared(run.examples.class_names, size, size),
            chosen,
            run.examples.class_names,
            size=size,
            mirrored=run.is_mirrored,
            kept_in=kept_in,
            code=self._code,
        )

    def _train_head(self, run: _Run, size: int, kept_in: str) -> None:
        rule = hyperrule.for_dataset(run.chosen.num_trained, _AREA)
        head.train(
            run.model,
            self._frozen(run, run.examples.train, run.chosen, size, kept_in),
            probe.rule_for(rule, rate_is_given=False),
            run.settings,
        )

    def _judged_by_features(self, run: _Run, size: int, kept_in: str) -> float:
        files, shown = _judged(run)
        trained = dataclasses.replace(
            shown, trained=shown.held_out, held_out=(False,) * len(shown.rows)
        )
        judged, _ = self._frozen(run, files, trained, size, kept_in).examples()
        right = (
            probe.answers(probe.head_of(run.model), judged.values[:, 0]).argmax(1) == judged.labels
        )
        return float(np.mean(right))

    def _train_network(self, run: _Run, rate: float) -> tuple[dict, float]:
        cell, chosen = run.cell, run.chosen
        is_curve = cell.kind == "curve"
        batch_size = cells.CURVE_BATCH if cell.of_curve else cells.BATCH
        steps = cells.CURVE_STEPS if cell.of_curve else cells.steps(chosen.num_trained)
        rule = _rule(chosen.num_trained, run.data, batch_size, steps, rate)
        clip_norm = CLIP_AFTER_PROBE if cell.method == BOTH else None
        look = self._look(run)
        with tempfile.TemporaryDirectory(prefix="bitpipe-transfer-") as folder:
            finished = fine_tune(
                run.model,
                lambda start: inputs.training_dataset(
                    run.examples.train,
                    run.prepared,
                    rule,
                    run.settings,
                    num_examples=chosen.num_trained,
                    cache_dir=Path(folder),
                    start_step=start,
                    keep=chosen.trained,
                ),
                rule,
                run.settings,
                checkpoint_dir=f"{folder}/checkpoints",
                clip_norm=clip_norm,
                look=look if is_curve else None,
            )
            finished.discard()
        facts: dict[str, Any] = {"size": run.data.train_size, "steps": steps, "batch": batch_size}
        facts |= {"rate": rate, "clip": clip_norm}
        if not is_curve:
            return facts, look()[1]
        points = [
            (one.step, one.held_out_accuracy)
            for one in finished.curve
            if one.held_out_accuracy is not None
        ]
        return facts | {"curve": points}, points[-1][1]

    def _look(self, run: _Run) -> Callable[[], Score]:
        """Cross-entropy and accuracy on the pictures that are judged by."""
        files, shown = _judged(run)
        return held_out.look(run.model, files, run.prepared, shown, run.data.train_size)


@dataclasses.dataclass(frozen=True)
class _Run:
    """What the parts of a cell share."""

    cell: Cell
    data: datasets.DataSet
    examples: Examples
    model: keras.Model
    settings: TrainSettings
    chosen: Selection

    @property
    def is_mirrored(self) -> bool:
        """As the Trainer decides."""
        per_class = self.chosen.num_trained / len(self.examples.class_names)
        return is_mirrored(LabelSafe(flip=self.data.flip), per_class)

    @property
    def prepared(self) -> Prepared:
        """For training the whole network: larger pictures, from which crops are cut."""
        return Prepared(
            self.examples.class_names, resize(self.data.train_size), self.data.train_size
        )


def _judged(run: _Run) -> tuple[list[str], Selection]:
    """Files and, held out, what is judged by: of a rate that is tried, unused training pictures."""
    if run.cell.rate is not None:
        return run.examples.train, examples.unused(run.chosen, _MOST_UNUSED, run.cell.seed)
    whole = select(run.examples.judged, TrainSettings())
    return run.examples.judged, dataclasses.replace(
        whole, trained=whole.held_out, held_out=whole.trained
    )


def resize(crop: int) -> int:
    """The side from which a crop is cut, an eighth larger (the rule's 512 to 480: a fifteenth)."""
    return crop + math.ceil(crop / 8)


def _rule(
    num_examples: int, data: datasets.DataSet, batch_size: int, steps: int, rate: float
) -> HyperRule:
    return hyperrule.for_dataset(num_examples, _AREA).with_overrides(
        batch_size=batch_size,
        steps=steps,
        learning_rate=rate,
        resize=resize(data.train_size),
        crop=data.train_size,
    )
