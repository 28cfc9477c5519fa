"""The data of the benchmark are split and prepared as the pipeline does it, or as they say."""

import dataclasses

import numpy as np
import pytest

from benchmarks.kit.project import BenchmarkError
from benchmarks.transfer.datasets import DATA
from benchmarks.transfer.examples import Prepared, ingest, unused
from components.image_example_gen import sides
from components.settings import TrainSettings
from components.training import inputs
from components.training.selection import select
from tests.pictures import picture

PLAIN = dataclasses.replace(DATA["tf_flowers"], file="plain")
SPLIT = dataclasses.replace(DATA["cifar10"], file="split")
COUNTS = {"green": 9, "red": 12}


def write(folder, first):
    for colour, count in COUNTS.items():
        (folder / colour).mkdir(parents=True)
        for seed in range(count):
            path = folder / colour / f"{seed}.png"
            path.write_bytes(picture(colour, noise=20, seed=first + seed))


def digests(files):
    return {digest.decode() for _, digest in select(files, TrainSettings()).rows}


def test_class_folders_are_split_by_content_as_the_pipeline_splits_them(tmp_path):
    write(tmp_path / "plain", 0)
    found = ingest(PLAIN, tmp_path, tmp_path / "cache")
    assert found.class_names == ["red", "green"]  # the most frequent first
    train, judged = digests(found.train), digests(found.judged)
    assert (len(train | judged), bool(judged)) == (21, True)
    buckets = {"train": 80, "eval": 20}
    assert judged == {one for one in train | judged if sides.split_of(one, buckets) == "eval"}


def test_a_test_split_judges_and_all_of_the_rest_is_learned_from(tmp_path):
    write(tmp_path / "split" / "train", 0)
    write(tmp_path / "split" / "test", 100)
    found = ingest(SPLIT, tmp_path, tmp_path / "cache")
    assert [len(digests(files)) for files in (found.train, found.judged)] == [21, 21]


def test_data_that_are_not_there_are_told_by_the_file_that_lacks(tmp_path):
    with pytest.raises(BenchmarkError, match=r"folder with flower_photos_160\.zip\. Received"):
        ingest(DATA["tf_flowers"], tmp_path, tmp_path / "cache")


def test_labels_go_with_their_pictures_and_a_rate_is_judged_by_what_the_draw_left(tmp_path):
    write(tmp_path / "plain", 0)
    found = ingest(PLAIN, tmp_path, tmp_path / "cache")
    drawn = select(found.train, TrainSettings(examples_per_class=2))
    left = unused(drawn, 5, seed=0)
    assert (left.num_trained, left.num_held_out) == (4, 5)
    assert not (np.array(left.trained) & np.array(left.held_out)).any()
    ((pictures, labels),) = inputs.evaluation_dataset(
        found.train, Prepared(found.class_names, 20, 16), batch_size=9, keep=left.held_out
    ).as_numpy_iterator()
    assert pictures.shape == (5, 16, 16, 3)
    channel = {"red": 0, "green": 1}
    told = [channel[found.class_names[label]] for label in labels]
    assert pictures.mean(axis=(1, 2))[:, :2].argmax(1).tolist() == told
