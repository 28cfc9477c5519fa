"""Decides whether the data folder has changed since it was last ingested."""

from collections.abc import Iterable

from tfx.components.example_gen import driver, input_processor
from tfx.proto import example_gen_pb2, range_config_pb2

from components.errors import DataError
from components.image_example_gen import folder, images


class Driver(driver.FileBasedDriver):
    """TFX's driver with a fingerprint that knows names; TFX finds it through the pipeline's IR."""

    def get_input_processor(
        self,
        splits: Iterable[example_gen_pb2.Input.Split],
        range_config: range_config_pb2.RangeConfig | None = None,
        input_base_uri: str | None = None,
    ) -> input_processor.InputProcessor:
        return ImageInputProcessor(input_base_uri, splits, range_config)


class ImageInputProcessor(input_processor.FileBasedInputProcessor):
    """Finds the span as TFX does; fingerprints the recursive listing, names included."""

    def resolve_span_and_version(self) -> tuple[int, int | None]:
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

    def get_input_fingerprint(self, span: int, version: int | None) -> str:
        fingerprints = []
        for split in self._splits:
            pattern = self.get_pattern_for_span_version(split.pattern, span, version)
            listing = images.list_images(data_folder(self._input_base_uri, pattern))
            fingerprints.append(f"split:{split.name},{listing.fingerprint()}")
        return "\n".join(fingerprints)


def data_folder(input_base: str, pattern: str) -> str:
    """The folder of class folders: what stands before the last two parts of the pattern."""
    span = "/".join(pattern.split("/")[:-2])
    return folder.join(input_base, span) if span else input_base
