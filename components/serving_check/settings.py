"""The `serving_check` section of a configuration; as of `components.settings`."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from components.settings import PositiveFloat, Settings, Share


class ServingCheckSettings(Settings, frozen=True):
    """What a server must show of a candidate before it is pushed."""

    # Who is asked: this project's server, TensorFlow Serving in Docker, or nobody.
    server: Literal["embedded", "docker", "off"] = "embedded"
    # TensorFlow Serving's, for `docker`; the one that compose.yaml and the manifests run.
    image: Annotated[
        str, Meta(pattern=r"^[^\s-]\S*$", description="an image, such as tensorflow/serving:2.20.0")
    ] = "tensorflow/serving:2.20.0"
    # What a score may differ from the Trainer's, which may have computed it on another device.
    max_difference: Share = 0.02
    # Milliseconds that a picture may take, the median over gRPC, warm; `None` for any.
    max_latency_ms: PositiveFloat | None = None
