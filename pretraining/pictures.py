"""Labelled photographs from folders and zips, decoded once into a store that is memory-mapped.

Decoding costs more than a training step at 48 px may wait, so it is paid once. Pictures keep their
own sizes: those of 64 px would only grow, and those of 128 px are wanted in the last phase.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from bitpipe.errors import DataError
from components.bit import imagenet
from pretraining import duplicates, files
from pretraining.prefetch import Ahead

ENDINGS = (".jpg", ".jpeg", ".png", ".webp")
HELD_OUT = 0.02  # of the pictures; 2,000 of 100,000 tell top-1 to about 1 %
INDEX, PIXELS = "index.npz", "pixels.bin"


@dataclasses.dataclass(frozen=True)
class Pictures:
    """N photographs.

    Attributes:
        pixels: all pictures behind one another, uint8, each (H, W, 3) RGB.
        offsets: (N,) int64, where in `pixels` each picture begins.
        heights: (N,) int32, pixels.
        widths: (N,) int32, pixels.
        labels: (N,) int32, the place of the true class among the 1,000 of ILSVRC-2012.
        held_out: (N,) bool, whether it is kept from training. Near duplicates are kept together.
        digest: of what the pictures show and of their order, hexadecimal; answers name it.
        sources: file or folder names with their numbers of pictures.
    """

    pixels: np.ndarray
    offsets: np.ndarray
    heights: np.ndarray
    widths: np.ndarray
    labels: np.ndarray
    held_out: np.ndarray
    digest: str
    sources: dict[str, int]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, number: int) -> np.ndarray:
        """Picture `number`, (H, W, 3) uint8, without a copy."""
        height, width = int(self.heights[number]), int(self.widths[number])
        start = int(self.offsets[number])
        return self.pixels[start : start + height * width * 3].reshape(height, width, 3)


def open_or_build(sources: Sequence[Path], folder: Path) -> Pictures:
    """The store in `folder`, made from `sources` where it is not there yet.

    Args:
        sources: folders or zips; a picture's folder is named by the WordNet id of its class.
        folder: of the store. It must have been made from the same sources; sources that are not
            there any more are not asked for.

    Raises:
        DataError: a source is missing, empty, or holds a class that is not one of the 1,000; or
            the store was made from other sources.
    """
    if not (folder / INDEX).exists():
        _build(sources, folder)
    with np.load(folder / INDEX, allow_pickle=False) as index:
        counts = dict(zip(index["source_names"].tolist(), index["counts"].tolist(), strict=True))
        stored = Pictures(
            np.memmap(folder / PIXELS, np.uint8, "r"),
            offsets=index["offsets"],
            heights=index["heights"],
            widths=index["widths"],
            labels=index["labels"],
            held_out=index["held_out"],
            digest=str(index["digest"]),
            sources=counts,
        )
    if sources and [source.name for source in sources] != list(counts):
        raise DataError(
            f"{folder} was made from {', '.join(counts)}. Received: "
            f"{', '.join(source.name for source in sources)}. Choose another folder."
        )
    return stored


def read(source: Path) -> Iterator[tuple[str, bytes]]:
    """The path inside `source`, with slashes, and the encoded bytes of each picture, by path.

    Raises:
        DataError: there is no such folder or zip.
    """
    if source.is_dir():
        for path in sorted(source.rglob("*")):
            if path.suffix.lower() in ENDINGS:
                yield path.relative_to(source).as_posix(), path.read_bytes()
    elif zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            for name in sorted(archive.namelist()):
                if name.lower().endswith(ENDINGS):
                    yield name, archive.read(name)
    else:
        raise DataError(f"pictures come from a folder or a zip. Received: {source}.")


def decode(encoded: bytes) -> np.ndarray:
    """(H, W, 3) uint8 RGB."""
    with Image.open(io.BytesIO(encoded)) as picture:
        return np.asarray(picture.convert("RGB"))


def _examine(found: tuple[str, bytes]) -> tuple[str, np.ndarray, bytes, np.ndarray]:
    """Path, pixels, digest and thumbnail; Pillow and hashlib let other threads work meanwhile."""
    name, encoded = found
    picture = decode(encoded)
    return name, picture, hashlib.sha256(picture.tobytes()).digest(), duplicates.thumbnail(picture)


def hold_out(groups: np.ndarray, digests: Sequence[bytes], share: float = HELD_OUT) -> np.ndarray:
    """Which pictures are kept from training, decided by content: more pictures move none.

    Args:
        groups: (N,) int, equal for near duplicates.
        digests: of each picture's content.
        share: of the groups, 0 to 1.

    Returns:
        (N,) bool, equal within a group.
    """
    first: dict[int, bytes] = {}
    for group, digest in zip(groups.tolist(), digests, strict=True):
        first[group] = min(digest, first.get(group, digest))
    limit = int(share * 2**32)
    chosen = {g: int.from_bytes(digest[:4], "big") < limit for g, digest in first.items()}
    return np.array([chosen[group] for group in groups.tolist()], bool)


def _build(sources: Sequence[Path], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    index_of = {known.wnid: index for index, known in enumerate(imagenet.classes())}
    sizes: list[tuple[int, ...]] = []
    labels: list[int] = []
    digests: list[bytes] = []
    thumbnails: list[np.ndarray] = []
    counts: list[int] = []
    with files.replacing(folder / PIXELS) as path, path.open("wb") as pixels:
        for source in sources:
            before = len(labels)
            for name, picture, digest, thumbnail in Ahead(
                _examine, read(source), os.cpu_count() or 1
            ):
                wnid = name.split("/")[-2] if "/" in name else ""
                if wnid not in index_of:
                    raise DataError(
                        "a picture's folder must be named by the WordNet id of one of ImageNet's "
                        f"1,000 classes. Received: {source}, {name}."
                    )
                pixels.write(picture.tobytes())
                sizes.append(picture.shape[:2])
                labels.append(index_of[wnid])
                digests.append(digest)
                thumbnails.append(thumbnail)
            counts.append(len(labels) - before)
            if not counts[-1]:
                raise DataError(f"pictures end in {', '.join(ENDINGS)}. Received: none, {source}.")
    heights, widths = np.array(sizes, np.int32).T
    lengths = heights.astype(np.int64) * widths * 3
    true = np.array(labels, np.int32)
    groups = duplicates.group(np.stack(thumbnails), true)
    with files.replacing(folder / INDEX) as path, path.open("wb") as index:
        np.savez(
            index,
            offsets=np.cumsum(lengths) - lengths,
            heights=heights,
            widths=widths,
            labels=true,
            held_out=hold_out(groups, digests),
            groups=groups,
            digest=np.array(hashlib.sha256(b"".join(digests)).hexdigest()),
            source_names=np.array([source.name for source in sources]),
            counts=np.array(counts),
        )
