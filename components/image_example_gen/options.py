"""What the ingest can be told beyond the splits, and its way through TFX's `custom_config`."""

from dataclasses import asdict, dataclass, fields
from typing import Any

from google.protobuf import json_format, struct_pb2
from tfx.proto import example_gen_pb2

from bitpipe.errors import ConfigError
from bitpipe.pictures.limits import MAX_PIXELS
from components.image_example_gen.repeats import ConflictRule, DuplicateRule
from components.image_example_gen.sources.options import AUTO, SourceOptions


@dataclass(frozen=True)
class IngestOptions:
    """Part of the execution properties, and so of TFX's cache key.

    Raises ConfigError for values out of range.
    """

    # Above it a picture is rejected before it is decoded. Pixels, not bytes.
    max_pixels: int = MAX_PIXELS
    # Of all listed files; above it the run stops instead of training on what is left.
    max_rejected_share: float = 0.1
    # The same as a number; -1 for no limit.
    max_rejected: int = -1
    # See `SourceOptions`.
    source: str = AUTO
    group: str = ""
    image_feature: str = ""
    label_feature: str = ""
    # See `repeats.find`.
    duplicates: DuplicateRule = "drop"
    conflicts: ConflictRule = "drop"
    # See `bitpipe.pictures.normalise.normalise`.
    allow_truncated: bool = False
    longest_side: int = 0

    def __post_init__(self) -> None:
        if self.max_pixels < 1:
            raise ConfigError(f"max_pixels must be at least 1. Received: {self.max_pixels}.")
        if not 0 <= self.max_rejected_share <= 1:
            raise ConfigError(
                "data.max_rejected_share must lie within 0 and 1. "
                f"Received: {self.max_rejected_share}."
            )

    def of_source(self, pattern: str) -> SourceOptions:
        """What the source is told, with the pattern that TFX carries elsewhere."""
        return SourceOptions(
            pattern, self.source, self.group, self.image_feature, self.label_feature
        )

    def pack(self) -> example_gen_pb2.CustomConfig:
        """What goes into the execution properties; `unpack` reads it."""
        struct = struct_pb2.Struct()
        struct.update(asdict(self))
        config = example_gen_pb2.CustomConfig()
        config.custom_config.Pack(struct)
        return config

    @classmethod
    def unpack(cls, custom_config: str | None) -> "IngestOptions":
        """Reads the JSON that `pack` becomes in the execution properties; `None` is the default."""
        if not custom_config:
            return cls()
        struct = struct_pb2.Struct()
        config = json_format.Parse(custom_config, example_gen_pb2.CustomConfig())
        config.custom_config.Unpack(struct)
        values: dict[str, Any] = json_format.MessageToDict(struct)
        whole = {field.name for field in fields(cls) if field.type in (int, "int")}
        for name in whole & values.keys():
            values[name] = int(values[name])  # a Struct knows floating point only
        return cls(**values)
