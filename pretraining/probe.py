"""How far the features carry: a linear classifier on them, on data the network was not made for."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pretraining import pictures, views
from pretraining.network import ResNet

BATCH = 100
TESTED = 0.2  # of tf_flowers, which has no split of its own
DRAWS = 5  # of CIFAR-10's few pictures; which ones moves the result by some hundredths
A_CLASS = 25
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
WHOLE = np.array([0, 0, 1, 1], np.float32)


# Pixels. Crops are taken at random in training, so objects are larger there than in a whole picture
# of the same size, and features carry furthest on pictures somewhat larger (arXiv:1906.06423).
FLOWERS_SIZES = (128, 192)
CIFAR_SIZES = (64, 96)
ANTS_SIZES = (128, 192)


@dataclasses.dataclass(frozen=True)
class Features:
    """Pictures as the network sees them.

    Attributes:
        values: (N, C) float32.
        labels: (N,) int64.
        paths: of each picture inside its source.
    """

    values: Tensor
    labels: Tensor
    paths: tuple[str, ...]

    def at(self, rows: np.ndarray) -> tuple[Tensor, Tensor]:
        """Values and labels of (R,) rows."""
        return self.values[rows], self.labels[rows]


def flowers(network: ResNet, source: Path, size: int) -> dict[str, float]:
    """tf_flowers: 80 % of each class to learn, the rest judged."""
    found = extract(network, source, size)
    return _scores([_score(found, *split_flowers(found.labels.numpy()))])


def cifar10(network: ResNet, source: Path, size: int) -> dict[str, float]:
    """CIFAR-10, enlarged: 25 a class to learn, drawn several times."""
    found = extract(network, source, size)
    learned, tested = _split(found.paths, "test")
    labels = found.labels.numpy()
    scores = []
    for draw in range(DRAWS):
        random = np.random.default_rng(draw)
        rows = [
            random.permutation(learned[labels[learned] == label])[:A_CLASS]
            for label in np.unique(labels)
        ]
        scores.append(_score(found, np.concatenate(rows), tested))
    return _scores(scores)


def ants_bees(network: ResNet, source: Path, size: int) -> dict[str, float]:
    """Ants and bees, with the split they come with."""
    found = extract(network, source, size)
    return _scores([_score(found, *_split(found.paths, "val"))])


@torch.inference_mode()
def extract(network: ResNet, source: Path, size: int) -> Features:
    """The features of all pictures of a folder or zip, each squashed to `size` pixels.

    The name of a picture's folder is its class.
    """
    paths: list[str] = []
    images: list[np.ndarray] = []
    values: list[Tensor] = []
    device = next(network.parameters()).device

    def flush() -> None:
        batch = torch.from_numpy(np.stack(images)).to(device).permute(0, 3, 1, 2)
        values.append(network.features(batch.float() / 255).cpu())
        images.clear()

    for path, encoded in pictures.read(source):
        paths.append(path)
        images.append(views.render(pictures.decode(encoded), WHOLE, False, size))
        if len(images) == BATCH:
            flush()
    if images:
        flush()
    return Features(torch.cat(values), labels_of(paths), tuple(paths))


def labels_of(paths: Sequence[str]) -> Tensor:
    """(N,) int64: the place of each picture's folder among the folders' names in order."""
    classes = [path.split("/")[-2] for path in paths]
    return torch.from_numpy(np.unique(classes, return_inverse=True)[1])


def split_flowers(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows to learn from and rows to judge, a fifth of each class."""
    random = np.random.default_rng(0)
    tested = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        rows = random.permutation(np.flatnonzero(labels == label))
        tested[rows[: round(TESTED * len(rows))]] = True
    return np.flatnonzero(~tested), np.flatnonzero(tested)


def fit(values: Tensor, labels: Tensor, classes: int, penalty: float) -> tuple[Tensor, Tensor]:
    """Multinomial logistic regression.

    Args:
        values: (N, C), of mean 0 and variance 1.
        labels: (N,).
        classes: how many, K.
        penalty: of the squared weights.

    Returns:
        Weights (K, C) and biases (K,).
    """
    weight = torch.zeros(classes, values.shape[1], requires_grad=True)
    bias = torch.zeros(classes, requires_grad=True)
    solver = torch.optim.LBFGS([weight, bias], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        solver.zero_grad()
        value = functional.cross_entropy(functional.linear(values, weight, bias), labels)
        value = value + penalty * weight.square().sum() / 2
        value.backward()
        return value

    solver.step(loss)
    return weight.detach(), bias.detach()


def _score(found: Features, learned: np.ndarray, tested: np.ndarray) -> float:
    """Top-1 on `tested` rows; the penalty is chosen on a fifth of the `learned` ones."""
    classes = int(found.labels.max()) + 1
    order = np.random.default_rng(0).permutation(learned)
    chosen, rest = np.split(order, [len(order) // 5])
    best = max(PENALTIES, key=lambda penalty: _accuracy(found, rest, chosen, classes, penalty))
    return _accuracy(found, learned, tested, classes, best)


def _accuracy(
    found: Features, learned: np.ndarray, tested: np.ndarray, classes: int, penalty: float
) -> float:
    values, labels = found.at(learned)
    spread, mean = torch.std_mean(values, dim=0)
    spread = spread + 1e-6
    weight, bias = fit((values - mean) / spread, labels, classes, penalty)
    values, labels = found.at(tested)
    answers = functional.linear((values - mean) / spread, weight, bias).argmax(1)
    return float((answers == labels).float().mean())


def _split(paths: Sequence[str], tested: str) -> tuple[np.ndarray, np.ndarray]:
    is_tested = np.array([tested in path.split("/")[:-2] for path in paths])
    return np.flatnonzero(~is_tested), np.flatnonzero(is_tested)


def _scores(scores: Sequence[float]) -> dict[str, float]:
    return {"top1": float(np.mean(scores)), "spread": float(np.std(scores)), "draws": len(scores)}
