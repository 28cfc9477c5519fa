"""Facts of a run that never was, with any number of classes."""

import base64
import io

import numpy as np
from PIL import Image

from components.data_checks.results import Check as DataCheck
from components.gate import rules
from components.gate.comparison import compare
from components.gate.measures import measure
from components.gate.predictions import Answer, Prediction
from components.gate.settings import GateSettings
from components.gate.verdict import Measured, Verdict
from pipeline.report import picks
from pipeline.report.facts import Facts, Point, Setting, Size, StageTime, Told, Training
from pipeline.report.page import Images
from pipeline.report.suspects import Suspect


def thumbnail(seed):
    """A noisy picture, which compresses no better than a photograph."""
    pixels = np.random.default_rng(seed).integers(0, 256, (18, 24, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).resize((144, 108)).save(buffer, "JPEG", quality=62)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def names(number):
    return [f"species {index:03}" for index in range(number)]


def answers(labels, *, per_class, with_baseline=True):
    """Four in five are right; the others are taken for a neighbour."""
    random = np.random.default_rng(0)
    found = []
    for place, label in enumerate(labels):
        for number in range(per_class):

            def answer(place=place, label=label):
                best = label
                if random.random() < 0.2:
                    best = labels[(place + int(random.integers(1, 4))) % len(labels)]
                score = float(random.uniform(0.4, 1.0))
                return Answer((best,), (score,), score if best == label else 0.1)

            found.append(
                Prediction(
                    f"{label}/{number:03}.jpg",
                    f"{number:064x}",
                    label,
                    answer(),
                    answer() if with_baseline else None,
                )
            )
    return found


def make(number=10, *, per_class=20, labels=None, with_baseline=True, gate=None, found=None):
    """(facts, picks, images) of so many classes."""
    labels = labels or names(number)
    found = found or answers(labels, per_class=per_class, with_baseline=with_baseline)
    compared = compare(lambda: found)
    measured = Measured(measure(found), compared)
    gate = gate or GateSettings(min_recall_per_class=0.3, significance=1e-6)
    checked = rules.checks(
        rules.Facts(
            candidate=measured.candidate,
            compared=compared,
            labels=tuple(labels),
            served_labels=tuple(labels) if compared else None,
        ),
        gate,
    )
    picked = picks.pick(found)
    facts = Facts(
        told=Told(
            name="flowers",
            data="/photos/flowers",
            command="bitpipe run --data /photos/flowers --out run",
            settings=tuple(
                Setting(f"train.setting_{index}", str(index), "default") for index in range(40)
            ),
            device="CPU (2 cores)",
        ),
        started="2026-11-26 05:00:00 UTC",
        stages=(StageTime("ImageExampleGen", 5.0, False), StageTime("Trainer", 0.1, True)),
        versions={"Python": "3.10.13", "tfx": "1.16.0"},
        verdict=Verdict(all(one.passed for one in checked), tuple(checked), ("a note",)),
        measured=measured,
        predictions=tuple(found),
        ingest={
            "num_examples": 100 * len(labels),
            "splits": {"train": 80 * len(labels), "eval": 20 * len(labels)},
            "classes": {label: {"train": 80, "eval": 20} for label in labels},
            "duplicates": 3,
            "changed": 2,
            "skipped": 1,
            "loose_files": 0,
            "conflicting_duplicates": 1,
            "conflicts": [["a/1.jpg", "b/1.jpg"]],
        },
        rejected=({"filename": "a/broken.jpg", "reason": "the file is empty"},),
        sizes=(Size(split="train", what="width", smallest=20, median=400, largest=4000),),
        data_checks=(
            DataCheck(rule="checks.imbalance", severity="warn", passed=True, sentence="balanced"),
            DataCheck(rule="checks.one_size", severity="warn", passed=False, sentence="too alike"),
        ),
        decision={"rule": {"steps": 500, "crop": 128}, "facts": {"num_examples": 800},
                  "overridden": ["crop"]},
        training=Training(
            tuple(
                Point(step=step, values={"loss": 300 / step, "accuracy": 1 - 20 / step,
                                         "held_out_accuracy": 0.9 - 18 / step})
                for step in range(50, 500, 50)
            ),
            {"method": "fine_tune"},
        ),
        suspects=(
            Suspect(filename=f"{labels[0]}/901.jpg", split="train", sha256="ab", label=labels[0],
                    suggested=labels[1], score=0.01),
        ),
        looked_for_suspects=("train", "eval"),
        pushed=None,
        candidate="/run/artifacts/Trainer/model/7/Format-Serving",
    )  # fmt: skip
    images = Images(
        pictures={name: thumbnail(index) for index, name in enumerate(sorted(picked.names))},
        samples={
            label: (f"{label}/900.jpg", thumbnail(index)) for index, label in enumerate(labels)
        },
    )
    return facts, picked, images
