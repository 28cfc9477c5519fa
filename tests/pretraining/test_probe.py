"""Linear probes find what is in the features, and judge on pictures they did not learn."""

import zipfile

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch trains the student; it is in no lock")

from components.bit import variants  # noqa: E402  PyTorch must be there
from pretraining import probe, scratch  # noqa: E402
from pretraining.network import ResNet  # noqa: E402
from tests.pretraining.conftest import encoded, picture  # noqa: E402


@pytest.fixture
def network():
    torch.set_num_threads(1)
    return ResNet(variants.get("R14x0.5"), 10).eval()


def zipped(path, names):
    """Pictures whose class is that of their folder."""
    with zipfile.ZipFile(path, "w") as file:
        for place, name in enumerate(names):
            label = 200 if "/bright/" in name else 3
            file.writestr(name, encoded(picture(label, place)))
    return path


def test_a_line_between_two_clouds_is_found():
    random = torch.Generator().manual_seed(0)
    labels = torch.arange(200) % 2
    values = torch.randn(200, 5, generator=random)
    values[:, 2] += 6 * labels
    weight, bias = probe.fit(values, labels, 2, 1e-3)
    answers = (values @ weight.T + bias).argmax(1)
    assert (answers == labels).float().mean() > 0.98
    strict, _ = probe.fit(values, labels, 2, 10.0)
    assert strict.norm() < weight.norm() / 3


def test_features_and_labels_follow_the_folders(network, tmp_path):
    names = [f"set/{side}/{n}.png" for side in ("bright", "dark") for n in range(3)]
    found = probe.extract(network, zipped(tmp_path / "few.zip", names), 32)
    assert found.values.shape == (6, variants.get("R14x0.5").features)
    assert found.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert found.paths == tuple(names)


def test_a_split_that_comes_with_the_data_is_kept():
    learned, tested = probe._split(["a/train/x/1.jpg", "a/val/x/2.jpg", "a/train/val/3.jpg"], "val")
    assert learned.tolist() == [0, 2]
    assert tested.tolist() == [1]


def test_a_fifth_of_each_class_of_flowers_is_judged():
    labels = np.repeat([0, 1], [100, 50])
    learned, tested = probe.split_flowers(labels)
    assert np.bincount(labels[tested]).tolist() == [20, 10]
    assert sorted([*learned, *tested]) == list(range(150))
    np.testing.assert_array_equal(tested, probe.split_flowers(labels)[1])


def test_two_easy_classes_are_told_apart(network, tmp_path):
    names = [f"flower_photos/{side}/{n}.png" for side in ("bright", "dark") for n in range(25)]
    source = zipped(tmp_path / "easy.zip", names)
    assert probe.flowers(network, source, 64)["top1"] == 1
    names = [
        f"s/{part}/{side}/{n}.png"
        for part in ("train", "val")
        for side in ("bright", "dark")
        for n in range(12)
    ]
    score = probe.ants_bees(network, zipped(tmp_path / "split.zip", names), 64)
    assert score == {"top1": 1, "spread": 0, "draws": 1}


def test_from_scratch_judges_the_same_pictures(tmp_path, monkeypatch):
    monkeypatch.setattr(scratch, "BATCH", 8)
    names = [f"flower_photos/{side}/{n}.png" for side in ("bright", "dark") for n in range(10)]
    shown = []
    source = zipped(tmp_path / "few.zip", names)
    scores = scratch.flowers("R14x0.5", source, 2, shown.append)
    assert scores["rounds"] == len(shown) == 2
    assert 0 <= scores["tf_flowers"] <= 1
