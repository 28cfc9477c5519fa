"""Runs the ingest on Beam and publishes its report beside the examples."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import apache_beam as beam
import tensorflow as tf
from absl import logging
from tfx import types
from tfx.components.example_gen import utils
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import proto_utils

from bitpipe import beam as options_of_beam
from bitpipe.errors import DataError
from bitpipe.names import printable, storable
from bitpipe.wording import counted
from components import progress, uncached
from components.image_example_gen import (
    appearance,
    contents,
    earlier,
    made,
    outcomes,
    repeats,
    reuse,
    seen,
    shard,
    sides,
    workers,
)
from components.image_example_gen.driver import fingerprint
from components.image_example_gen.listing import Listing
from components.image_example_gen.options import IngestOptions
from components.image_example_gen.sources import given_splits, registry
from components.image_example_gen.uncollected import collected, uncollected

STAGE = "ImageExampleGen"

# Every later stage reads these two: training and statistics the one, the gate the other.
REQUIRED_SPLITS = ("train", "eval")


class Executor(base_beam_executor.BaseBeamExecutor):
    """Writes each shard's records where it converted them.

    Not TFX's `BaseExampleGenExecutor`: that one sends every encoded picture through a shuffle,
    which the in-memory runner holds in full, and then deflates JPEG. Its hash buckets are kept.
    """

    @uncollected()
    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Fills the `examples` artifact.

        Raises:
            DataError: the pictures break a rule of `outcomes.check`; what was written is no
                artifact, TFX removes it, and the list of rejected files stays in the node's
                `rejected` folder.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        options = IngestOptions.unpack(
            exec_properties.get(standard_component_specs.CUSTOM_CONFIG_KEY)
        )
        pattern = _input_split(exec_properties).pattern
        input_base = exec_properties[standard_component_specs.INPUT_BASE_KEY]
        splits = {split.name: split.hash_buckets for split in _split_config(exec_properties).splits}

        listing, digests = seen.take(exec_properties.get(utils.FINGERPRINT_PROPERTY_NAME, "")) or (
            registry.list_pictures(input_base, options.of_source(pattern)),
            None,
        )
        logging.info("%s: %s", listing.path, listing.recognised)
        # A split that the data bring, and that neither training nor the gate reads.
        if any(picture.split == given_splits.TEST for picture in listing.pictures):
            splits.setdefault(given_splits.TEST, 0)
        _check_own_splits(listing, splits)
        artifact = artifact_utils.get_single_instance(
            output_dict[standard_component_specs.EXAMPLES_KEY]
        )
        artifact.split_names = artifact_utils.encode_split_names(list(splits))
        split_folders = {name: artifact_utils.get_split_uri([artifact], name) for name in splits}
        outcome_folder = tf.io.gfile.join(artifact.uri, "unfinished")
        for place in (*split_folders.values(), outcome_folder):
            tf.io.gfile.makedirs(place)

        if listing.loose_files:
            logging.warning(
                "%s directly in %s, without a class: ignored.",
                counted(listing.loose_files, "file"),
                listing.path,
            )
        progress.report(STAGE, 0, len(listing.pictures))
        write = partial(
            shard.write,
            path=listing.path,
            max_pixels=options.max_pixels,
            allow_truncated=options.allow_truncated,
            longest_side=options.longest_side,
            choose_split=partial(sides.choose_split, buckets=splits),
            split_folders=split_folders,
            outcome_folder=outcome_folder,
        )
        made_by = earlier.maker(options)
        before = earlier.find(artifact.uri, made_by)
        known: reuse.Known = {}
        if before:
            now = contents.digests(listing) if digests is None else digests
            known = reuse.known(listing, now, before, splits)
        shards = [reuse.with_kept(part, known) for part in shard.plan(listing.pictures)]
        self._run(
            write, shards, lambda count: progress.advance(STAGE, count, len(listing.pictures))
        )
        pictures = {part.index: reuse.gather(part, known, outcome_folder) for part in shards}
        files = [one.outcome for of_shard in pictures.values() for one in of_shard]
        accepted = [file for file in files if isinstance(file, outcomes.AcceptedFile)]
        placed, found = _place(listing, files, accepted, splits, options)
        kept_folder = _kept_folder(artifact.uri)
        try:
            outcomes.check(
                found,
                max_rejected_share=options.max_rejected_share,
                max_rejected=options.max_rejected if options.max_rejected >= 0 else None,
                required_splits=REQUIRED_SPLITS,
                rejected_list=tf.io.gfile.join(kept_folder, outcomes.REJECTED_FILE),
            )
        except DataError:
            if found.rejected:
                _write_text(kept_folder, outcomes.REJECTED_FILE, found.rejected_jsonl())
            if found.repeats:
                _write_text(kept_folder, outcomes.REPEATED_FILE, found.repeated_jsonl())
            raise
        again = [
            reuse.without(part, lacking)
            for part in shards
            if (lacking := reuse.lacking(pictures[part.index], placed))
        ]
        self._run(write, again, lambda _: None)
        for part in again:
            pictures[part.index] = reuse.gather(part, known, outcome_folder)
        in_place = [
            one
            for part in shards
            for one in shard.move(
                part,
                pictures[part.index],
                placed,
                split_folders=split_folders,
                outcome_folder=outcome_folder,
            )
        ]
        tf.io.gfile.rmtree(outcome_folder)
        _write_text(artifact.uri, outcomes.REJECTED_FILE, found.rejected_jsonl())
        _write_text(artifact.uri, outcomes.REPEATED_FILE, found.repeated_jsonl())
        _write_text(artifact.uri, outcomes.REPORT_FILE, found.to_json())
        examples_utils.set_payload_format(artifact, example_gen_pb2.FORMAT_TF_EXAMPLE)
        examples_utils.set_file_format(artifact, "tfrecords_gzip")
        sizes = [len(part.pictures) for part in shards]
        made.write_index(
            artifact.uri, made.Head(maker=made_by, path=listing.path, shards=sizes), in_place
        )
        read = _contents(listing, in_place)
        if _has_changed(listing, read, exec_properties) if digests is None else read != digests:
            # A disk that was away for a moment, say, must not leave a data set without its pictures
            # for good.
            artifact.set_string_custom_property(uncached.PROPERTY, "its data changed")
            progress.say(
                STAGE, "the data changed while they were read: the next run looks at them again"
            )

    @collected()
    def _run(
        self,
        write: Callable[..., None],
        shards: Sequence[shard.Shard],
        on_files: Callable[[int], None],
    ) -> None:
        """Writes shards in processes of this machine, or wherever Beam's runner has workers."""
        if not shards:
            return
        if options_of_beam.is_in_process(self._beam_pipeline_args):
            workers.run(
                shards,
                write,
                workers=options_of_beam.workers(self._beam_pipeline_args),
                on_files=on_files,
            )
            return
        with self._make_beam_pipeline() as pipeline:
            _ = (
                pipeline
                | "Shards" >> beam.Create(shards)
                | "Spread" >> beam.Reshuffle()
                | "Write" >> beam.ParDo(_WriteShard(write))
            )


def _place(
    listing: Listing,
    files: Sequence[outcomes.AcceptedFile | outcomes.RejectedFile],
    accepted: Sequence[outcomes.AcceptedFile],
    splits: Mapping[str, int],
    options: IngestOptions,
) -> tuple[Mapping[outcomes.Key, str], outcomes.IngestReport]:
    """The split of each file that becomes an example, and the report."""
    same, left_out = repeats.find(accepted, options.duplicates, options.conflicts)
    kept = [file for file in accepted if file.key not in left_out]
    near = repeats.near(kept)
    placed = sides.assign(kept, near, splits, REQUIRED_SPLITS)
    report = outcomes.summarise(
        listing,
        files,
        placed.splits,
        all_splits=splits,
        units=placed.units,
        repeats=(*same, *repeats.together(kept, near)),
        across=placed.across,
        taken_apart=placed.taken_apart,
        appearance=appearance.describe(kept),
    )
    return placed.splits, report


class _WriteShard(beam.DoFn):
    def __init__(self, write: Callable[..., None]) -> None:
        super().__init__()
        self._write = write

    def process(self, element: shard.Shard) -> Iterator[None]:
        self._write(element)
        yield from ()


def _check_own_splits(listing: Listing, splits: Collection[str]) -> None:
    for picture in listing.pictures:
        if picture.split is not None and picture.split not in splits:
            raise DataError(
                f"A picture's own split must be one of {', '.join(splits)}. "
                f"Received: {picture.split!r} for '{printable(picture.path)}' in {listing.path}; "
                "rename it, or give none to have it chosen by the picture's content."
            )


def _contents(listing: Listing, pictures: Iterable[made.Made]) -> dict[str, str]:
    """What was read, as `contents.digests` tells it."""
    content_of = {one.name: one.content for one in pictures}
    return {
        picture.path: content_of[storable(picture.path), picture.label]
        for picture in listing.pictures
        if picture.stamp is not None
    }


def _has_changed(
    listing: Listing, read: Mapping[str, str], exec_properties: dict[str, Any]
) -> bool:
    """Whether what was read is not what the driver saw, by which the cache would find it."""
    told = exec_properties.get(utils.FINGERPRINT_PROPERTY_NAME)
    return bool(told) and told != fingerprint(_input_split(exec_properties).name, listing, read)


def _input_split(exec_properties: dict[str, Any]) -> example_gen_pb2.Input.Split:
    config = example_gen_pb2.Input()
    proto_utils.json_to_proto(exec_properties[standard_component_specs.INPUT_CONFIG_KEY], config)
    (split,) = config.splits
    return split


def _split_config(exec_properties: dict[str, Any]) -> example_gen_pb2.SplitConfig:
    config = example_gen_pb2.Output()
    proto_utils.json_to_proto(exec_properties[standard_component_specs.OUTPUT_CONFIG_KEY], config)
    return config.split_config


def _kept_folder(artifact_uri: str) -> str:
    """`NODE/rejected/ID` for the artifact `NODE/examples/ID`, which TFX removes after a failure."""
    node, _, execution_id = artifact_uri.rstrip("/").rsplit("/", 2)
    return tf.io.gfile.join(node, "rejected", execution_id)


def _write_text(place: str, name: str, text: str) -> None:
    tf.io.gfile.makedirs(place)
    with tf.io.gfile.GFile(tf.io.gfile.join(place, name), "w") as file:
        file.write(text)
