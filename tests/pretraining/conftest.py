"""A few generated photographs of three of ImageNet's classes, and answers of a made-up teacher."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from components.bit import imagenet
from pretraining import answers, pictures

CLASSES = (3, 500, 998)  # places among the 1,000
A_CLASS = 40


def encoded(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    return buffer.getvalue()


def picture(label, number):
    """A blob whose place tells the class, on noise; no two are near duplicates."""
    random = np.random.default_rng((label, number))
    pixels = random.integers(0, 256, (5, 5, 3), np.uint8)
    image = Image.fromarray(pixels).resize((20 + number % 3, 18), Image.Resampling.BILINEAR)
    result = np.array(image)
    result[label % 7 : label % 7 + 6, 4:12] = (label % 255, 255, 0)
    return result


@pytest.fixture(scope="session")
def archive(tmp_path_factory):
    """A zip of 40 pictures of each of three classes."""
    path = tmp_path_factory.mktemp("upstream") / "few.zip"
    with zipfile.ZipFile(path, "w") as file:
        for label in CLASSES:
            for number in range(A_CLASS):
                name = f"{imagenet.classes()[label].wnid}/{number:03d}.png"
                file.writestr(name, encoded(picture(label, number)))
    return path


@pytest.fixture(scope="session")
def stored(archive, tmp_path_factory):
    return pictures.open_or_build([archive], tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="session")
def answered(stored):
    """Answers of a teacher that is right about most."""
    training = np.flatnonzero(~stored.held_out)
    return compact(training, made_up(stored, training))


def made_up(stored, numbers):
    logits = np.random.default_rng(0).normal(size=(len(numbers), 1000)).astype(np.float32)
    logits[np.arange(len(numbers)), stored.labels[numbers]] += 7
    return logits


def compact(numbers, logits):
    """What a teacher keeps of float32 logits (M, 1000)."""
    top = logits.max(1, keepdims=True)
    log_probs = logits - top - np.log(np.exp(logits - top).sum(1, keepdims=True))
    indices = np.argsort(-log_probs, axis=1, kind="stable")[:, : answers.KEPT]
    kept = np.take_along_axis(log_probs, indices, axis=1)
    return answers.Answers(numbers, indices.astype(np.uint16), kept.astype(np.float16))
