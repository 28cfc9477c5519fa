"""Training goes on after a kill as if nothing had happened."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from bitpipe.errors import ConfigError, TrainingError

torch = pytest.importorskip("torch", reason="PyTorch trains the student; it is in no lock")

from pretraining import answers, checkpoints, train  # noqa: E402  PyTorch must be there
from pretraining.batches import Targets  # noqa: E402
from pretraining.schedule import Schedule  # noqa: E402
from pretraining.state import Settings  # noqa: E402
from tests.pretraining.conftest import compact, made_up  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = Settings(
    variant="R14x0.5",
    seed=0,
    batch=8,
    weight_decay=5e-5,
    average=80,
    parts=None,
    targets=Targets(labels=0.5, mixup=0.2),
    schedule=Schedule(rate=0.1, warmup=32, sizes=((16, 80), (24, 10**9))),
    answers="answers",
)


@pytest.fixture
def cache(stored, answered, tmp_path):
    judged = np.flatnonzero(stored.held_out)
    judged = judged if len(judged) else np.arange(3)
    folder = tmp_path / "answers"
    answers.save(answers.part_of(folder, 0, 0), answered)
    answers.save(folder / answers.JUDGES, compact(judged, made_up(stored, judged)))
    return tmp_path


@pytest.fixture
def trainer(stored, cache):
    torch.set_num_threads(1)  # sums in another order would be another curve

    def make(run="run", settings=SETTINGS, show=lambda _: None):
        return train.Trainer(
            settings, stored, cache, cache / run, judged_every=40, workers=1, show=show
        )

    return make


def judged(state):
    return [
        (record["seen"], record["size"], record["loss"], *record["held_out"].values())
        for record in state.curve
    ]


def test_a_run_in_two_halves_is_the_run_in_one(trainer):
    whole = trainer("whole").train(120)
    trainer("halves").train(56)  # between two judgings
    halves = trainer("halves").train(120)
    assert judged(whole) == judged(halves)
    assert [record[:2] for record in judged(whole)] == [(40, 16), (80, 16), (120, 24)]
    for name, value in whole.average.items():
        assert torch.equal(value, halves.average[name]), name


def test_a_killed_run_goes_on_to_the_same_curve(trainer, cache, stored):
    whole = trainer("whole").train(160)
    script = f"""
import sys; sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
import torch
torch.set_num_threads(1)
from pretraining import pictures, train
from tests.pretraining.test_train import SETTINGS
train.SAVED_EVERY_S = 0.2
cache = Path({str(cache)!r})
stored = pictures.open_or_build([], Path({str(Path(stored.pixels.filename).parent)!r}))
train.Trainer(
    SETTINGS, stored, cache, cache / "killed", judged_every=40, workers=1, show=print
).train(10**9)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while (state := checkpoints.load(cache / "killed")) is None or state.seen < 16:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
    left = checkpoints.load(cache / "killed").seen
    resumed = trainer("killed").train(max(160, left))
    assert judged(resumed)[:4] == judged(whole)


def test_it_learns(trainer):
    settings = dataclasses.replace(SETTINGS, targets=Targets(labels=1.0, mixup=0.0))
    losses = [record["loss"] for record in trainer(settings=settings).train(480).curve]
    assert losses[-1] < losses[0] / 2


def test_a_cool_down_is_a_copy_and_ends_by_itself(trainer, cache):
    trainer("run").train(80)
    before = (cache / "run" / checkpoints.FILE).read_bytes()
    settings = train.cool(cache / "run", cache / "cooled", 40, 32)
    state = trainer("cooled", settings).train()
    assert state.seen == 120
    assert state.curve[-1]["size"] == 32
    assert state.curve[-1]["rate"] == 0
    assert state.settings.average == 8  # of 40: what was before is forgotten
    assert (cache / "run" / checkpoints.FILE).read_bytes() == before
    # The same command again finds it done.
    assert train.cool(cache / "run", cache / "cooled", 40, 32) == settings
    assert trainer("cooled", settings).train().seen == 120
    with pytest.raises(TrainingError, match="needs a run that has begun"):
        train.cool(cache / "none", cache / "other", 40, 32)


def test_answers_that_come_meanwhile_are_learned_too(trainer, cache, answered, monkeypatch):
    monkeypatch.setattr(train, "SAVED_EVERY_S", 0)
    shown = []
    one = trainer(show=shown.append)
    one.train(8)
    answers.save(answers.part_of(cache / "answers", 1, 0), answered)
    one.train(40)
    views = [line.split(" views")[0] for line in shown if "views of pictures" in line]
    assert views == [str(len(answered)), str(2 * len(answered))]


def test_a_loss_that_is_not_a_number_ends_the_run_and_keeps_the_checkpoint(trainer, cache):
    trainer().train(16)
    broken = trainer()
    with torch.no_grad():
        broken.network.group_norm.gamma.fill_(float("nan"))
    with pytest.raises(TrainingError, match="not a number after 40 pictures"):
        broken.train(160)
    assert checkpoints.load(cache / "run").seen == 16


def test_a_damaged_checkpoint_is_named(tmp_path):
    (tmp_path / checkpoints.FILE).write_bytes(b"PK\x03\x04 nonsense")
    with pytest.raises(ConfigError, match=r"checkpoint.pt cannot be read"):
        checkpoints.load(tmp_path)


def test_settings_come_back_as_they_were(trainer, cache):
    trainer().train(8)
    assert checkpoints.load(cache / "run").settings == SETTINGS
