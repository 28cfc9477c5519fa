"""Kubeflow's messages as each release of its backend knows them, from messages.tsv.

The backend parses a pipeline strictly, so protobuf's own JSON parser with a release's own messages
says what that release would say.
"""

import functools
from pathlib import Path

from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    duration_pb2,
    json_format,
    message_factory,
    struct_pb2,
)

TABLE = Path(__file__).with_name("messages.tsv")
_LINES = TABLE.read_text(encoding="utf-8").splitlines()
RELEASES = next(line for line in _LINES if line.startswith("# Releases:")).split()[2:]
_Field = descriptor_pb2.FieldDescriptorProto


def parse(release, name, value, **options):
    """The message `name` from JSON's types; ParseError where the release does not know it."""
    return json_format.ParseDict(value, _message_class(release, name)(), **options)


def check_pipeline(release, pipeline_spec, platform_spec):
    """Parses both documents of a pipeline as the release's compiler does.

    It ignores unknown fields of the deployment alone.
    """
    parse(release, "ml_pipelines.PipelineSpec", pipeline_spec)
    deployment = pipeline_spec.get("deploymentSpec", {})
    parse(release, "ml_pipelines.PipelineDeploymentConfig", deployment, ignore_unknown_fields=True)
    if platform_spec:
        parse(release, "ml_pipelines.PlatformSpec", platform_spec)
        kubernetes = platform_spec["platforms"]["kubernetes"]["deploymentSpec"]
        for executor in kubernetes.get("executors", {}).values():
            parse(release, "kfp_kubernetes.KubernetesExecutorConfig", executor)


@functools.cache
def _message_class(release, name):
    descriptor = _pool(release).FindMessageTypeByName(f"kubeflow.{_flat(name)}")
    newer = getattr(message_factory, "GetMessageClass", None)
    return newer(descriptor) if newer else message_factory.MessageFactory().GetPrototype(descriptor)


@functools.cache
def _pool(release):
    now = RELEASES.index(release)
    rows = [(line + "\t\t").split("\t")[:5] for line in _LINES if not line.startswith("#")]
    rows = [r for r in rows if RELEASES.index(r[2]) <= now <= RELEASES.index(r[3])]
    file = descriptor_pb2.FileDescriptorProto(
        name="kubeflow.proto", package="kubeflow", syntax="proto3"
    )
    messages, enums = {}, {}
    for name, kind, _, _, last in rows:
        owner = name.rpartition(".")[0]
        if kind == "enum":
            enums.setdefault(owner, []).append((int(last), name.rpartition(".")[2]))
        else:
            messages.setdefault(owner, []).append((name.rpartition(".")[2], kind, last))
    for owner, values in enums.items():
        # Inside a message, because an enumerator's name is its surroundings'.
        enum = file.message_type.add(name=_flat(owner)).enum_type.add(name="Enum")
        for number, name in sorted(values):
            enum.value.add(name=name, number=number)
    # A message that has no field at all is in no row.
    for name in {kind.split()[-1] for _, kind, *_ in rows if "." in kind and "<" not in kind}:
        if not name.startswith("google.") and name not in enums:
            messages.setdefault(name, [])
    for owner, fields in messages.items():
        message = file.message_type.add(name=_flat(owner))
        # The fields of a oneof must follow one another.
        for number, (name, kind, oneof) in enumerate(sorted(fields, key=lambda f: f[2]), start=1):
            _add_field(message, number, name, kind, oneof, enums)
    pool = descriptor_pool.DescriptorPool()
    for known in (duration_pb2, struct_pb2):
        pool.AddSerializedFile(known.DESCRIPTOR.serialized_pb)
        file.dependency.append(known.DESCRIPTOR.name)
    pool.AddSerializedFile(file.SerializeToString())
    return pool


def _flat(name):
    return name.replace(".", "_")


def _add_field(message, number, name, kind, oneof, enums):
    field = message.field.add(name=name, number=number, label=_Field.LABEL_OPTIONAL)
    if kind.startswith("map<"):
        key, value = kind[4:-1].split(",")
        camel = "".join(word.title() for word in name.split("_"))
        entry = message.nested_type.add(name=f"{camel}Entry")
        entry.options.map_entry = True
        _add_field(entry, 1, "key", key, "", enums)
        _add_field(entry, 2, "value", value, "", enums)
        field.label, field.type = _Field.LABEL_REPEATED, _Field.TYPE_MESSAGE
        field.type_name = f".kubeflow.{message.name}.{entry.name}"
        return
    *repeated, kind = kind.split()
    if repeated:
        field.label = _Field.LABEL_REPEATED
    if oneof:
        names = [one.name for one in message.oneof_decl]
        if oneof not in names:
            message.oneof_decl.add(name=oneof)
            names.append(oneof)
        field.oneof_index = names.index(oneof)
    if kind in enums:
        field.type, field.type_name = _Field.TYPE_ENUM, f".kubeflow.{_flat(kind)}.Enum"
    elif "." in kind:
        field.type = _Field.TYPE_MESSAGE
        flat = kind if kind.startswith("google.") else f"kubeflow.{_flat(kind)}"
        field.type_name = f".{flat}"
    else:
        field.type = _Field.Type.Value(f"TYPE_{kind.upper()}")
