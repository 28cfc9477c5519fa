"""A node's part of TFX's intermediate representation, as text that fits into a command line.

Kubeflow hands a task's arguments through Argo, two launchers and the kernel; base64 passes all of
them unharmed, and equal graphs give equal text.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import hashlib
import zlib

from google.protobuf import message
from tfx.proto.orchestration import pipeline_pb2

from bitpipe.errors import ConfigError

# Linux takes 128 KiB for an argument, and Kubeflow's driver gets the whole task as one.
_LIMIT_BYTES = 96 * 1024


def cut(pipeline: pipeline_pb2.Pipeline, node_id: str) -> pipeline_pb2.Pipeline:
    """The pipeline with one node, and only that node's executor and driver."""
    part = pipeline_pb2.Pipeline()
    part.CopyFrom(pipeline)
    del part.nodes[:]
    part.nodes.extend(n for n in pipeline.nodes if n.pipeline_node.node_info.id == node_id)
    if len(part.nodes) != 1:
        raise ValueError(f"The pipeline must hold one node {node_id!r}. Found: {len(part.nodes)}.")
    deployment = pipeline_pb2.IntermediateDeploymentConfig()
    pipeline.deployment_config.Unpack(deployment)
    for specs in (
        deployment.executor_specs,
        deployment.custom_driver_specs,
        deployment.node_level_platform_configs,
    ):
        for other in [key for key in specs if key != node_id]:
            del specs[other]
    part.deployment_config.Pack(deployment, deterministic=True)
    return part


def pack(part: pipeline_pb2.Pipeline) -> str:
    """Text for `unpack`.

    Raises:
        ConfigError: it is too long for a command line.
    """
    text = base64.b64encode(
        gzip.compress(part.SerializeToString(deterministic=True), mtime=0)
    ).decode()
    if len(text) > _LIMIT_BYTES:
        (node,) = part.nodes
        raise ConfigError(
            f"{node.pipeline_node.node_info.id} has {len(text)} bytes of settings, a task may have "
            f"{_LIMIT_BYTES}: shorten what the configuration says about it."
        )
    return text


def unpack(text: str, digest: str) -> pipeline_pb2.Pipeline:
    """The pipeline that `pack` was given.

    Raises:
        ConfigError: the text is not what `digest` was taken of.
    """
    try:
        if digest_of(text) != digest:
            raise ValueError
        return pipeline_pb2.Pipeline.FromString(gzip.decompress(base64.b64decode(text)))
    except (ValueError, OSError, EOFError, zlib.error, binascii.Error, message.DecodeError):
        raise ConfigError(
            f"the stage's description does not have the digest {digest}; it was damaged on its way "
            "(compile and submit the pipeline again)."
        ) from None


def digest_of(text: str) -> str:
    """sha256, hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def runtime_parameters(msg: message.Message) -> set[str]:
    """Names of all runtime parameters that a message still waits for."""
    found: set[str] = set()
    if isinstance(msg, pipeline_pb2.RuntimeParameter):
        return {msg.name}
    for field, value in msg.ListFields():
        if field.type != field.TYPE_MESSAGE:
            continue
        if field.message_type.GetOptions().map_entry:
            children = [v for v in value.values() if isinstance(v, message.Message)]
        elif isinstance(value, message.Message):
            children = [value]
        else:
            children = list(value)
        for child in children:
            found |= runtime_parameters(child)
    return found
