"""Features are kept for the next run, and computed anew for what is not the same."""

import os
import time

import keras
import numpy as np
import pytest
import tensorflow as tf

from bitpipe.errors import TrainingError
from components import progress
from components.bit import hyperrule, resnet_v2
from components.settings import LabelSafe, TrainSettings
from components.training import features, frozen, inputs, planning
from components.training.frozen import Frozen
from components.training.method import BOTH, PROBE
from components.training.selection import select


@pytest.fixture(scope="module")
def model():
    return new_model(1)


def new_model(seed, dtype=None):
    keras.utils.set_random_seed(seed)
    return resnet_v2.build("R14x0.5", num_classes=3, dtype=dtype)


def identity(model, size=16, mirrored=True, code="1"):
    return features.identity(model, size, mirrored=mirrored, code=code)


def test_features_hang_on_backbone_size_mirror_image_precision_and_code_and_on_no_head(model):
    known = identity(model)
    assert identity(new_model(1)) == known
    others = {
        identity(new_model(2)),
        identity(model, size=18),
        identity(model, mirrored=False),
        identity(model, code="2"),
        identity(new_model(1, "mixed_bfloat16")),
    }
    assert len(others | {known}) == 6
    twin = new_model(1)
    twin.get_layer(resnet_v2.HEAD).set_weights([np.ones((1024, 3)), np.ones(3)])
    assert identity(twin) == known


class Counting(Frozen):
    """Tells how many pictures went through the network."""

    computed = 0

    def _batches(self, keep):
        self.computed += sum(keep)
        return super()._batches(keep)


@pytest.fixture
def freeze(model, train_files, transform_output, tmp_path):
    def freeze(settings=TrainSettings(), of=model, size=16, mirrored=True):  # noqa: B008
        return Counting(
            of,
            train_files,
            transform_output,
            select(train_files, settings),
            ["green", "red", "blue"],
            size=size,
            mirrored=mirrored,
            kept_in=str(tmp_path / "features"),
            code="1",
        )

    return freeze


@pytest.fixture
def run(freeze):
    def run(*args, **options):
        counting = freeze(*args, **options)
        return counting.examples(), counting.computed

    return run


@pytest.fixture
def rows(train_files):
    """Features of all pictures that nobody has computed."""
    digests = [digest for _, digest in select(train_files, TrainSettings()).rows]
    return {digest: np.full((2, 1024), place, np.float32) for place, digest in enumerate(digests)}


@pytest.fixture
def kept(model, tmp_path):
    """Where those of `freeze` are looked for."""
    return features.Kept(str(tmp_path / "features"), identity(model))


def test_only_pictures_that_are_new_are_computed(run, model, train_files, transform_output):
    (few, _), computed = run(TrainSettings(examples_per_class=3))
    assert (computed, few.values.shape) == (9, (9, 2, 1024))
    (whole, held_out), computed = run()
    assert (computed, len(whole.labels), len(held_out.labels)) == (24, 33, 0)
    (again, _), computed = run()
    assert computed == 0
    np.testing.assert_array_equal(again.values, whole.values)
    np.testing.assert_array_equal(again.labels, whole.labels)
    (_, held_out), computed = run(TrainSettings(keep_best=True, held_out_share=0.3))
    assert (computed, len(held_out.labels)) == (0, 4 + 3 + 3)
    # All of it is what the network answers to a picture and to its mirror image.
    pictures = inputs.evaluation_dataset(train_files, transform_output, batch_size=40)
    ((images, labels),) = pictures.as_numpy_iterator()
    np.testing.assert_array_equal(whole.labels, labels)
    of_backbone = keras.Model(model.input, model.get_layer(resnet_v2.FEATURES).output)
    for view, shown in enumerate([images, images[:, :, ::-1]]):
        np.testing.assert_allclose(whole.values[:, view], of_backbone(shown), atol=5e-4)


def test_another_backbone_or_mirror_image_is_computed_anew(freeze, rows, kept, monkeypatch):
    monkeypatch.setattr(Frozen, "_reading_s", lambda *_: 0.0)
    kept.write(rows)
    assert freeze().seconds(lambda: 1.0) == 0
    assert freeze().seconds(lambda: 1.0, anew=True) == 33
    assert freeze(of=new_model(2)).seconds(lambda: 1.0) == 33 * 2
    assert freeze(mirrored=False).seconds(lambda: 1.0) == 33


@pytest.mark.parametrize(
    ("flip", "per_class", "expected"), [(True, 199.5, True), (True, 200, False), (False, 1, False)]
)
def test_mirror_images_are_for_few_pictures_whose_labels_they_bear(flip, per_class, expected):
    assert frozen.is_mirrored(LabelSafe(flip=flip), per_class) == expected


def test_more_features_than_fit_into_memory_are_refused_before_they_are_computed(run, monkeypatch):
    monkeypatch.setattr(frozen.memory, "host_bytes", lambda: 1024)
    with pytest.raises(TrainingError, match=r"features of 33 pictures take .* GiB"):
        run()


@pytest.mark.parametrize(("copies", "is_refused"), [(2.9, True), (3.1, False)])
def test_memory_is_judged_alike_on_the_first_night_and_where_features_are_kept(
    copies, is_refused, freeze, rows, kept, monkeypatch
):
    held = [0]
    read = features.Kept.read

    def reading(*args):
        found = read(*args)
        held[0] = sum(values.nbytes for values in found.values())
        return found

    def available():
        return copies * 33 * 2 * 1024 * 4 - held[0]

    def is_refused_now():
        try:
            freeze().examples()
        except TrainingError:
            return True
        return False

    monkeypatch.setattr(features.Kept, "read", reading)
    monkeypatch.setattr(frozen.memory, "host_bytes", available)
    monkeypatch.setattr(features, "compute", lambda *_, **__: dict(rows))
    assert is_refused_now() == is_refused
    kept.write(rows)
    assert is_refused_now() == is_refused
    assert held[0] > 0


class Built(Exception):
    pass


@pytest.mark.parametrize("method", ["auto", "probe"])
def test_a_run_whose_features_are_all_kept_builds_no_network(
    method, model, freeze, rows, kept, tmp_path, monkeypatch
):
    def network(_):
        raise Built

    rule = hyperrule.for_dataset(33, 16 * 16)

    def job():
        return planning.Job(
            model=model,
            pretrained=True,
            rule=rule,
            head_rules={PROBE: rule, BOTH: rule},
            settings=TrainSettings(method=method),
            strategy=tf.distribute.get_strategy(),
            freeze=lambda _: freeze(),
            checkpoint_dir=str(tmp_path / "checkpoints"),
            pictures_per_class=11.0,
        )

    monkeypatch.setattr(features, "network", network)
    *most, last = rows
    kept.write({digest: rows[digest] for digest in most})
    with pytest.raises(Built):  # what is missing is measured
        planning.plan(job())
    kept.write({last: rows[last]})
    planned = job()
    assert planning.plan(planned).method == PROBE
    examples, _ = planned.frozen.examples()
    np.testing.assert_array_equal(examples.values, np.stack([*rows.values()]))


def test_one_picture_is_told_as_one(freeze, rows, kept, monkeypatch):
    first, *others = rows
    kept.write({first: rows[first]})
    monkeypatch.setattr(features, "compute", lambda *_, **__: {one: rows[one] for one in others})
    said = []
    with progress.listen(lambda *_: None, said=lambda _, text: said.append(text)):
        freeze().examples()
    assert said == [
        "features of 1 picture are kept from earlier runs, those of 32 pictures are computed"
    ]


ROWS = {b"a": np.ones((2, 4), np.float32), b"b": np.full((2, 4), 2, np.float32)}


def test_a_shard_that_is_cut_or_flipped_is_computed_anew(tmp_path):
    kept = features.Kept(str(tmp_path), "0")
    kept.write(ROWS)
    (shard,) = (tmp_path / "0").iterdir()
    whole = shard.read_bytes()
    damages = (whole[: len(whole) // 2], whole[:100] + b"x" + whole[101:], b"")
    for damaged in damages:
        shard.write_bytes(damaged)
        assert features.Kept(str(tmp_path), "0").read([b"a"]) == {}
        assert not shard.exists()
    kept.write(ROWS)
    found = features.Kept(str(tmp_path), "0").read([b"a", b"c"])
    assert found.keys() == {b"a"}
    assert found[b"a"].base is None  # the rest of the shard is not held


@pytest.mark.parametrize(
    ("place", "error"),
    [
        ((tf.io.gfile.GFile, "read"), tf.errors.UnavailableError(None, None, "connection reset")),
        ((tf.io.gfile.GFile, "read"), OSError("no such host")),
        ((np, "load"), MemoryError("unable to allocate")),
    ],
)
def test_a_shard_that_cannot_be_read_just_now_is_told_and_stays(
    place, error, tmp_path, monkeypatch, caplog
):
    def fails(*_, **__):
        raise error

    features.Kept(str(tmp_path), "0").write(ROWS)
    with monkeypatch.context() as broken:
        broken.setattr(*place, fails)
        assert features.Kept(str(tmp_path), "0").read([b"a"]) == {}
    assert f"cannot be read now and are computed anew: {error}" in caplog.text
    assert features.Kept(str(tmp_path), "0").read(ROWS).keys() == ROWS.keys()


def test_two_runs_may_write_the_same_features_at_once(tmp_path, monkeypatch, caplog):
    one, other = (features.Kept(str(tmp_path), "0") for _ in range(2))
    rename = tf.io.gfile.rename

    def rename_late(*args, **options):
        monkeypatch.setattr(tf.io.gfile, "rename", rename)
        other.write(ROWS)
        other.prune()
        rename(*args, **options)

    monkeypatch.setattr(tf.io.gfile, "rename", rename_late)
    one.write(ROWS)
    assert not caplog.text
    assert [path.suffix for path in (tmp_path / "0").iterdir()] == [".npz"]


def test_a_write_that_fails_leaves_nothing_half_written(tmp_path, monkeypatch, caplog):
    def full(*_, **__):
        raise tf.errors.ResourceExhaustedError(None, None, "no space left")

    monkeypatch.setattr(tf.io.gfile, "rename", full)
    features.Kept(str(tmp_path), "0").write(ROWS)
    assert "no space left" in caplog.text
    assert list((tmp_path / "0").iterdir()) == []


def test_a_kill_in_the_middle_costs_what_was_not_yet_written(model, tmp_path, monkeypatch):
    monkeypatch.setattr(features, "_SHARD_S", 0.0)

    def pictures():
        for number in range(3):
            yield [b"%d" % number], tf.zeros((1, 8, 8, 3))
        raise KeyboardInterrupt

    kept = features.Kept(str(tmp_path), "0")
    with pytest.raises(KeyboardInterrupt):
        features.compute(pictures(), lambda x: tf.zeros((len(x), 4)), kept, mirrored=False)
    assert len(features.Kept(str(tmp_path), "0").read([b"0", b"1", b"2", b"3"])) == 3


def test_what_was_unused_for_longest_goes_first_and_what_is_in_use_stays(tmp_path):
    for age, name in enumerate("abcd"):
        features.Kept(str(tmp_path), name).write(ROWS)
        (shard,) = (tmp_path / name).glob("*.npz")
        os.utime(shard, (1e9 - age, 1e9 - age))
    for name, age_s in (("killed", 25 * 3600), ("written just now", 23 * 3600)):
        unfinished = tmp_path / "a" / f"{name}.tmp"
        unfinished.write_bytes(b"half")
        os.utime(unfinished, (time.time() - age_s,) * 2)
    size = shard.stat().st_size
    in_use = features.Kept(str(tmp_path), "d")
    assert len(in_use.read(ROWS)) == 2
    in_use.prune(most_bytes=2 * size)
    assert [path.stem for path in tmp_path.glob("*/*.tmp")] == ["written just now"]
    assert [path.parent.name for path in sorted(tmp_path.glob("*/*.npz"))] == ["a", "d"]
    in_use.prune(most_bytes=0)
    assert [path.parent.name for path in tmp_path.glob("*/*.npz")] == ["d"]


def test_a_folder_that_cannot_be_written_costs_nothing_but_time(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    kept = features.Kept(str(tmp_path / "file"), "0")
    assert kept.read([b"a"]) == {}
    kept.write(ROWS)
    kept.prune()
    assert "cannot be kept" in caplog.text


def test_features_that_are_no_numbers_end_with_a_sentence(tmp_path):
    pictures = [([b"a"], tf.zeros((1, 8, 8, 3)))]
    with pytest.raises(TrainingError, match=r"no number. Take another model\.backbone"):
        features.compute(
            pictures,
            lambda _: tf.fill((1, 4), np.nan),
            features.Kept(str(tmp_path), "0"),
            mirrored=False,
        )


def test_of_equal_pictures_one_is_computed():
    digests = [b"a", b"b", b"a", b"c", b"c"]
    used = [False, True, True, True, True]
    assert features.missing(digests, used, {b"b": None}) == [False, False, True, True, False]
