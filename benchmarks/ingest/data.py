"""The pictures that are ingested: many small ones, and photographs."""

from __future__ import annotations

import itertools
import zipfile
from pathlib import Path

from PIL import Image, ImageEnhance

from benchmarks.kit.project import BenchmarkError

CIFAR = "cifar10_subset.zip"
FLOWERS = "flower_photos_160.zip"
_QUALITY = 95
_TURNS = (None, *Image.Transpose)  # 8 views of a square picture


def small(archive: Path, folder: Path, count: int) -> Path:
    """CIFAR-10's pictures, turned, mirrored and darkened until there are `count` different ones."""
    folder.mkdir(parents=True)
    views = itertools.product((1.0, 0.7), _TURNS)
    written = 0
    with _opened(archive) as packed:
        names = sorted(name for name in packed.namelist() if name.endswith(".jpg"))
        for number, (light, turn) in enumerate(views):
            for name in names:
                if written == count:
                    return folder
                label = folder / name.split("/")[-2]
                label.mkdir(exist_ok=True)
                with packed.open(name) as file, Image.open(file) as picture:
                    shown = picture if turn is None else picture.transpose(turn)
                    shown = ImageEnhance.Brightness(shown.convert("RGB")).enhance(light)
                    split = name.split("/")[-3]
                    shown.save(label / f"{number}-{split}-{Path(name).name}", quality=_QUALITY)
                written += 1
    raise BenchmarkError(f"{archive.name} yields {written} pictures, not {count}.")


def photographs(archive: Path, folder: Path, count: int) -> Path:
    """tf_flowers as it is, or so many of it, evenly from all classes."""
    with _opened(archive) as packed:
        names = sorted(name for name in packed.namelist() if name.endswith(".jpg"))
        step = max(1, len(names) // count)
        packed.extractall(folder, names[::step][:count])
    return folder / "flower_photos"


def hold_back(data: Path, aside: Path, share: float) -> list[tuple[Path, Path]]:
    """Moves a share of the files away; from where to where."""
    files = sorted(path for path in data.rglob("*.jpg"))
    moved = []
    for path in files[:: round(1 / share)]:
        place = aside / path.relative_to(data)
        place.parent.mkdir(parents=True, exist_ok=True)
        path.rename(place)
        moved.append((place, path))
    return moved


def _opened(archive: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(archive)
    except OSError as error:
        raise BenchmarkError(
            f"{archive} cannot be read ({error.strerror}). Name the folder with {CIFAR} and "
            f"{FLOWERS} by --archives."
        ) from error
