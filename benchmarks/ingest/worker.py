"""One measurement, in a process of its own: `python -m benchmarks.ingest.worker TASK ...`.

Prints a line of JSON. Loading TensorFlow and TFX is not measured.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from bitpipe import frameworks

_SETTINGS = {"duplicates": "keep", "conflicts": "keep"}
_STAGES = ("StatisticsGen", "Transform")


def plain(data: str, out: str) -> dict[str, Any]:
    """A single process that makes the same checks, and writes the same records into one file.

    And one that only copies the bytes.
    """
    import tensorflow as tf

    from components.image_example_gen import images
    from components.image_example_gen.sources import registry
    from pipeline.settings.config import Config

    settings = Config().data
    listing = registry.list_pictures(data)
    most = int(settings.max_megapixels * 1e6)
    images.read_image(data, listing.pictures[0], most)  # TensorFlow's first picture takes a second

    def convert() -> None:
        options = tf.io.TFRecordOptions(compression_type="GZIP", compression_level=0)
        with tf.io.TFRecordWriter(f"{out}.gz", options) as writer:
            for picture in listing.pictures:
                image = images.read_image(data, picture, most)
                writer.write(images.to_example(image).SerializeToString(deterministic=True))

    def copy() -> None:
        with Path(f"{out}.bytes").open("wb") as file:
            for picture in listing.pictures:
                file.write((Path(data) / picture.path).read_bytes())

    copied = _timed(copy)
    return {"pictures": len(listing.pictures), "plain_s": _timed(convert), "copy_s": copied}


def ingest(data: str, out: str, workers: str, held_back: str) -> dict[str, Any]:
    """The first stage; then unchanged; then with what was held back; then what reads its examples.

    Args:
        data: the folder.
        out: of the run.
        workers: `data.workers`.
        held_back: JSON of pairs: files that are added for the next night; null for none, and for
            the first ingest alone.
    """
    from pipeline import local, workspace
    from pipeline.position import Position
    from pipeline.settings import config as configs

    overrides = [f"data.{key}={value}" for key, value in _SETTINGS.items()]
    config = configs.load("smoke", [*overrides, f"data.workers={workers}"]).config
    found: dict[str, Any] = {}
    with workspace.opened(Path(out), data) as space:

        def run(last: str = "ImageExampleGen") -> Any:
            return local._run(config, space, Position(_Silent()), last=last)

        before = _memory_now()
        found["first_s"] = run().outcomes["ImageExampleGen"].seconds
        found["memory_mb"] = (_memory_peak() - before) / 2**20
        added = json.loads(held_back)
        if added is None:
            return found
        found["unchanged_s"] = _timed(run)
        for source, place in added:
            Path(source).rename(place)
        found["nightly_s"] = run().outcomes["ImageExampleGen"].seconds
        found["added"] = len(added)
        outcomes = run("Transform").outcomes
        for stage in _STAGES:
            found[f"{stage}_s"] = outcomes[stage].seconds
        examples = sorted(space.artifacts.glob("ImageExampleGen/examples/*"), key=_number)[-1]
        found["map_s"], found["mapped"] = _map(examples)
    return found


def _map(examples: Path) -> tuple[float, int]:
    """Seconds of a bare `tf.data` map that decodes all pictures, and their number."""
    import tensorflow as tf

    from components import decoding, features

    wanted = {features.IMAGE: tf.io.FixedLenFeature([], tf.string)}
    files = [str(path) for path in examples.glob("Split-*/*.gz")]
    pictures = tf.data.TFRecordDataset(files, "GZIP").map(
        lambda record: tf.size(
            decoding.decode(tf.io.parse_single_example(record, wanted)[features.IMAGE])
        )
    )
    count = 0

    def read() -> None:
        nonlocal count
        count = sum(1 for _ in pictures)

    return _timed(read), count


class _Silent:
    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_, **__: None


def _number(path: Path) -> int:
    return int(path.name)


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _memory_now() -> int:
    """Resident bytes of this process; the peak is counted anew from here on."""
    Path("/proc/self/clear_refs").write_text("5")  # proc(5)
    return psutil.Process().memory_info().rss


def _memory_peak() -> int:
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def main() -> None:
    """Runs the task that the command line names."""
    frameworks.silence()
    task, *arguments = sys.argv[1:]
    tasks: dict[str, Callable[..., dict[str, Any]]] = {"plain": plain, "ingest": ingest}
    print(json.dumps(tasks[task](*arguments)))


if __name__ == "__main__":
    main()
