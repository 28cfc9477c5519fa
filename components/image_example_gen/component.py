"""The pipeline node: a folder of labelled pictures in, an Examples artifact out."""

from collections.abc import Mapping
from types import MappingProxyType

from tfx.components.example_gen.component import FileBasedExampleGen
from tfx.dsl.components.base import executor_spec
from tfx.orchestration import data_types
from tfx.proto import example_gen_pb2, range_config_pb2

from bitpipe.errors import ConfigError
from components import features
from components.image_example_gen.driver import Driver
from components.image_example_gen.executor import REQUIRED_SPLITS, Executor
from components.image_example_gen.options import IngestOptions

# One example in five is held out for the gate.
DEFAULT_SPLITS: Mapping[str, int] = MappingProxyType({"train": 4, "eval": 1})

_DEFAULTS = IngestOptions()


class ImageExampleGen(FileBasedExampleGen):
    """Ingests labelled pictures as examples with the features of `features.py`.

    `outputs["examples"]` holds a folder of TFRecords per split and, beside them, `ingest.json` (the
    counts) and `rejected.jsonl` (the files left out, with reasons).
    """

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)
    DRIVER_CLASS = Driver

    def __init__(
        self,
        input_base: str | data_types.RuntimeParameter,
        *,
        pattern: str = "*/*",
        splits: Mapping[str, int] = DEFAULT_SPLITS,
        range_config: range_config_pb2.RangeConfig | data_types.RuntimeParameter | None = None,
        options: IngestOptions = _DEFAULTS,
    ) -> None:
        """Wires the node.

        Args:
            input_base: what a source of `sources` lists, or what holds the spans; a path, or an
                address of a store that Beam knows.
            pattern: `*/*`, or with the span in front, as in `span-{SPAN}/*/*`. Whatever stands
                before the last two parts leads to the data folder, which is then listed
                recursively.
            splits: hash buckets per split name. An example's split depends on its pixels and on
                these numbers only, so it keeps its side when pictures are added.
            range_config: which span to take, or how many of the latest together; the latest when
                not given.
            options: all else.

        Raises:
            ConfigError: a value is out of range; says what was received.
        """
        if not input_base:
            raise ConfigError("input_base must name the data folder. Received: an empty string.")
        if pattern.split("/")[-2:] != ["*", "*"] or "|" in pattern:
            raise ConfigError(
                "pattern must end in */* (class folder, file), as in span-{SPAN}/*/*, without |. "
                f"Received: {pattern!r}."
            )
        _check_splits(splits)
        super().__init__(
            input_base=input_base,
            input_config=example_gen_pb2.Input(
                splits=[example_gen_pb2.Input.Split(name="all", pattern=pattern)]
            ),
            output_config=example_gen_pb2.Output(
                split_config=example_gen_pb2.SplitConfig(
                    splits=[
                        example_gen_pb2.SplitConfig.Split(name=name, hash_buckets=buckets)
                        for name, buckets in splits.items()
                    ],
                    partition_feature_name=features.SHA256,
                )
            ),
            custom_config=options.pack(),
            range_config=range_config,
        )


def _check_splits(splits: Mapping[str, int]) -> None:
    missing = [name for name in REQUIRED_SPLITS if name not in splits]
    if missing:
        raise ConfigError(
            f"splits must name {' and '.join(REQUIRED_SPLITS)}. Received: {dict(splits)}."
        )
    if any(not isinstance(buckets, int) or buckets < 1 for buckets in splits.values()):
        raise ConfigError(
            f"splits must give each split a whole number >= 1. Received: {dict(splits)}."
        )
