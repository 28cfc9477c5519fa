"""TensorFlow Serving's text files: which models to serve, and how to batch."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    text_format,
    wrappers_pb2,
)
from tensorflow_serving.config import model_server_config_pb2

from bitpipe.errors import ServerOptionsError
from serving.server.options import Batching

_Field = descriptor_pb2.FieldDescriptorProto


@dataclass(frozen=True)
class VersionPolicy:
    """Which of the versions found are served.

    Attributes:
        latest: how many of the newest; None for all of them.
        specific: if any, only these.
    """

    latest: int | None = 1
    specific: tuple[int, ...] = ()

    def candidates(self, found: Iterable[int]) -> list[int]:
        """The versions to try, in the order of preference."""
        return sorted(set(found) & set(self.specific) if self.specific else found, reverse=True)

    @property
    def limit(self) -> int | None:
        """How many of the candidates are served at most."""
        return None if self.specific else self.latest


@dataclass(frozen=True)
class ModelConfig:
    """A model, the folder of its versions, those served, and names for some of them.

    Attributes:
        name: in requests.
        folder: holds the numbered versions.
        policy: which of them are served.
        labels: label -> version.
        released: policy and labels are what the file of `bitpipe.model.release` says, now and
            whenever it changes.
    """

    name: str
    folder: Path
    policy: VersionPolicy = field(default_factory=VersionPolicy)
    labels: dict[str, int] = field(default_factory=dict)
    released: bool = False


def read_model_config(path: Path) -> list[ModelConfig]:
    """Reads a file for TensorFlow Serving's --model_config_file (a ModelServerConfig).

    A relative base_path starts at the file's folder, where TensorFlow Serving has none.

    Raises:
        ServerOptionsError: the file is missing or says what cannot be done.
    """
    message = _read(path, model_server_config_pb2.ModelServerConfig())
    if message.WhichOneof("config") != "model_config_list" or not message.model_config_list.config:
        raise ServerOptionsError(f"{path} must hold a model_config_list with at least one config.")
    try:
        return models(message.model_config_list.config, path.absolute().parent)
    except ServerOptionsError as error:
        raise ServerOptionsError(f"{path}: {error}") from error


def models(configs: Iterable[Any], root: Path) -> list[ModelConfig]:
    """The models in `ModelConfig` messages, with relative paths from `root`.

    Raises:
        ServerOptionsError: a model without a name or a base_path, twice, or of another platform.
    """
    found: dict[str, ModelConfig] = {}
    for config in configs:
        if not config.name or not config.base_path:
            raise ServerOptionsError("Every model needs a name and a base_path.")
        if config.name in found:
            raise ServerOptionsError(
                f"Illegal to list model {config.name} multiple times in config list"
            )
        if config.model_platform not in ("", "tensorflow"):
            raise ServerOptionsError(
                f"Model {config.name} requests unsupported platform {config.model_platform}"
            )
        found[config.name] = ModelConfig(
            config.name,
            root / config.base_path,
            _policy(config.model_version_policy),
            dict(config.version_labels),
        )
    return list(found.values())


def _policy(message: Any) -> VersionPolicy:
    choice = message.WhichOneof("policy_choice")
    if choice == "all":
        return VersionPolicy(latest=None)
    if choice == "specific":
        if not message.specific.versions:
            raise ServerOptionsError("A specific version policy must name versions.")
        return VersionPolicy(specific=tuple(message.specific.versions))
    return VersionPolicy(latest=message.latest.num_versions or 1)


def read_batching_parameters(path: Path) -> Batching:
    """Reads a file for TensorFlow Serving's --batching_parameters_file (BatchingParameters).

    Raises:
        ServerOptionsError: the file is missing or says what cannot be done.
    """
    message = _read(path, _batching_class()())
    given = {
        name: getattr(message, name).value
        for name in ("max_batch_size", "max_enqueued_batches", "num_batch_threads")
        if message.HasField(name)
    }
    if message.HasField("batch_timeout_micros"):
        given["batch_timeout_ms"] = message.batch_timeout_micros.value / 1000
    if message.allowed_batch_sizes:
        given["allowed_batch_sizes"] = tuple(message.allowed_batch_sizes)
    try:
        return Batching(**given)
    except ServerOptionsError as error:
        raise ServerOptionsError(f"{path}: {error}") from error


def _read(path: Path, message: Any) -> Any:
    try:
        return text_format.Parse(path.read_text(), message)
    except OSError as error:
        raise ServerOptionsError(
            f"{path} cannot be read: {error.strerror}. Name a file in TensorFlow Serving's text "
            f"format."
        ) from error
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise ServerOptionsError(
            f"{path} is not in TensorFlow Serving's text format: {error}."
        ) from error


def _batching_class() -> Any:
    """BatchingParameters of servables/tensorflow/session_bundle_config.proto, which no package has.

    The text format goes by names, so the numbers need not be the original's.
    """
    wrapped = {
        "max_batch_size": "Int64Value",
        "batch_timeout_micros": "Int64Value",
        "max_enqueued_batches": "Int64Value",
        "num_batch_threads": "Int64Value",
        "thread_pool_name": "StringValue",
        "enable_large_batch_splitting": "BoolValue",
        "max_execution_batch_size": "Int64Value",
    }
    file = descriptor_pb2.FileDescriptorProto(
        name="serving/batching_parameters.proto",
        package="serving",
        syntax="proto3",
        dependency=[wrappers_pb2.DESCRIPTOR.name],
    )
    message = file.message_type.add(name="BatchingParameters")
    for number, (name, kind) in enumerate(wrapped.items(), start=1):
        message.field.add(
            name=name,
            number=number,
            label=_Field.LABEL_OPTIONAL,
            type=_Field.TYPE_MESSAGE,
            type_name=f".google.protobuf.{kind}",
        )
    for name, kind in (
        ("allowed_batch_sizes", _Field.TYPE_INT64),
        ("pad_variable_length_inputs", _Field.TYPE_BOOL),
    ):
        repeated = name == "allowed_batch_sizes"
        message.field.add(
            name=name,
            number=len(message.field) + 1,
            label=_Field.LABEL_REPEATED if repeated else _Field.LABEL_OPTIONAL,
            type=kind,
        )
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    descriptor = pool.FindMessageTypeByName("serving.BatchingParameters")
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(descriptor)
    return message_factory.MessageFactory(pool).GetPrototype(descriptor)  # protobuf < 4.22
