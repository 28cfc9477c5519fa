"""One measurement, in a process of its own: `python -m benchmarks.ingest.worker TASK ...`.

Prints a line of JSON. Loading TensorFlow and TFX is not measured, nor what the first picture costs.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.ingest import memory
from bitpipe import frameworks

_SETTINGS = {"duplicates": "keep", "conflicts": "keep"}
_STAGES = ("StatisticsGen", "Transform")


def plain(data: str, out: str, half: str) -> dict[str, Any]:
    """A single process that makes the same checks, and writes the same records into one file.

    And one that only copies the bytes.

    Args:
        data: the folder.
        out: of the files.
        half: `0` or `1`: every other picture, from this one on.
    """
    import tensorflow as tf

    from components.image_example_gen import images
    from components.image_example_gen.sources import registry
    from pipeline.settings.config import Config

    settings = Config().data
    pictures = registry.list_pictures(data).pictures[int(half) :: 2]
    most = int(settings.max_megapixels * 1e6)
    _convert_one(data)

    def convert() -> None:
        options = tf.io.TFRecordOptions(compression_type="GZIP", compression_level=0)
        with tf.io.TFRecordWriter(f"{out}.gz", options) as writer:
            for picture in pictures:
                image = images.read_image(data, picture, most)
                writer.write(images.to_example(image).SerializeToString(deterministic=True))

    def copy() -> None:
        with Path(f"{out}.bytes").open("wb") as file:
            for picture in pictures:
                file.write((Path(data) / picture.path).read_bytes())

    copied = _timed(copy)
    began = _cpu_s()
    found = {"pictures": len(pictures), "plain_s": _timed(convert), "copy_s": copied}
    return {**found, "plain_cpu_s": _cpu_s() - began}


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

        _convert_one(data)
        began = _cpu_s()
        with memory.peak_above_now() as used:
            found["first_s"] = run().outcomes["ImageExampleGen"].seconds
        found["first_cpu_s"] = _cpu_s() - began
        found["processes"] = _processes(data, int(workers))
        found["memory_mb"] = used.bytes / 2**20
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


def _processes(data: str, most: int) -> int:
    """How many the ingest has found worth their start."""
    from components.image_example_gen import shard, workers
    from components.image_example_gen.sources import registry

    return workers.worthwhile(shard.plan(registry.list_pictures(data).pictures), most)


def _convert_one(data: str) -> None:
    """TensorFlow's first picture takes a second, which belongs to the start."""
    from bitpipe.pictures.limits import MAX_PIXELS
    from components.image_example_gen import images
    from components.image_example_gen.sources import registry

    images.read_image(data, registry.list_pictures(data).pictures[0], MAX_PIXELS)


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


def _cpu_s() -> float:
    """Processor time of this process and of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def main() -> None:
    """Runs the task that the command line names."""
    frameworks.silence()
    task, *arguments = sys.argv[1:]
    tasks: dict[str, Callable[..., dict[str, Any]]] = {"plain": plain, "ingest": ingest}
    print(json.dumps(tasks[task](*arguments)))


if __name__ == "__main__":
    main()
