"""Decides whether the data folder has changed since it was last ingested."""

from collections.abc import Iterable, Mapping
from typing import Any

from tfx.components.example_gen import driver, input_processor
from tfx.dsl.io import fileio
from tfx.orchestration import data_types
from tfx.proto import example_gen_pb2, range_config_pb2
from tfx.types import standard_component_specs

from bitpipe.errors import DataError
from bitpipe.stores.paths import join
from components.image_example_gen import contents, seen
from components.image_example_gen.listing import Listing
from components.image_example_gen.options import IngestOptions
from components.image_example_gen.sources import registry, spans
from components.image_example_gen.uncollected import uncollected

_DEFAULTS = IngestOptions()


def fingerprint(split: str, listing: Listing, digests: Mapping[str, str]) -> str:
    """What TFX keys the cache with.

    Args:
        split: the input's.
        listing: of it.
        digests: as of `contents.digests`.
    """
    return f"split:{split},{listing.fingerprint(digests)}"


class Driver(driver.FileBasedDriver):
    """TFX's driver with a fingerprint that knows names; TFX finds it through the pipeline's IR."""

    _options = _DEFAULTS

    def resolve_exec_properties(
        self,
        exec_properties: dict[str, Any],
        pipeline_info: data_types.PipelineInfo,
        component_info: data_types.ComponentInfo,
    ) -> dict[str, Any]:
        """See TFX's driver, which asks for the input processor without saying what is wanted."""
        packed = exec_properties.get(standard_component_specs.CUSTOM_CONFIG_KEY)
        self._options = IngestOptions.unpack(packed)
        resolved: dict[str, Any] = super().resolve_exec_properties(
            exec_properties, pipeline_info, component_info
        )
        return resolved

    def get_input_processor(
        self,
        splits: Iterable[example_gen_pb2.Input.Split],
        range_config: range_config_pb2.RangeConfig | None = None,
        input_base_uri: str | None = None,
    ) -> input_processor.InputProcessor:
        """See TFX's driver."""
        assert input_base_uri  # the component refuses an empty one
        return ImageInputProcessor(input_base_uri, splits, range_config, self._options)


class ImageInputProcessor(input_processor.FileBasedInputProcessor):
    """Finds the span as TFX does, or a window of the latest ones, which TFX's ExampleGen refuses.

    Fingerprints the recursive listing, with the contents of local files.
    """

    def __init__(
        self,
        input_base_uri: str,
        splits: Iterable[example_gen_pb2.Input.Split],
        range_config: range_config_pb2.RangeConfig | None = None,
        options: IngestOptions = _DEFAULTS,
    ) -> None:
        self._options = options
        self._window = 1
        if range_config is not None and range_config.HasField("rolling_range"):
            self._window = range_config.rolling_range.num_spans
            latest = range_config_pb2.RollingRange(num_spans=1)
            range_config = range_config_pb2.RangeConfig(rolling_range=latest)
        super().__init__(input_base_uri, splits, range_config)

    def resolve_span_and_version(self) -> tuple[int, int | None]:
        """See TFX's processor; 0 and None where the pattern names no span."""
        if not self._is_match_span and not self._is_match_date:
            return 0, None  # Sparing TFX's own fingerprint, which would look at every file.
        try:
            return super().resolve_span_and_version()
        except ValueError as error:
            patterns = ", ".join(repr(split.pattern) for split in self._splits)
            raise DataError(
                "The data folder must hold a span that matches the pattern. Received: "
                f"{patterns} in {self._input_base_uri} ({error}); check the path and the span."
            ) from error

    def get_pattern_for_span_version(self, pattern: str, span: int, version: int | None) -> str:
        """The pattern of the span or, of a window, the patterns of those that are there."""
        newest = super().get_pattern_for_span_version(pattern, span, version)
        older = (
            super(ImageInputProcessor, self).get_pattern_for_span_version(pattern, number, version)
            for number in range(max(0, span - self._window + 1), span)
        )
        there = [one for one in older if self._is_there(one)]
        return spans.together([*there, newest])

    def get_input_fingerprint(self, span: int, version: int | None) -> str:
        """Digests of the span, or of a window of them: names, labels, and what is in the files."""
        fingerprints = []
        for split in self._splits:
            pattern = self.get_pattern_for_span_version(split.pattern, span, version)
            options = self._options.of_source(pattern)
            with uncollected():
                listing = registry.list_pictures(self._input_base_uri, options)
                digests = contents.digests(listing)
                fingerprints.append(fingerprint(split.name, listing, digests))
                seen.leave(fingerprints[-1], listing, digests)
        return "\n".join(fingerprints)

    def _is_there(self, pattern: str) -> bool:
        (span,) = spans.folders(pattern)
        return fileio.isdir(join(self._input_base_uri, span))
