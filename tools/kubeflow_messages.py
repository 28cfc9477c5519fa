"""Writes which fields of Kubeflow's messages each release of its backend knows.

The backend refuses a pipeline with a field that it does not know, so what is compiled must be
spelt with fields that were there in the oldest release to be served. Reads the .proto files of
every release in a clone of github.com/kubeflow/pipelines and writes a table that the tests build
the messages from again (tests/pipeline/kubeflow/messages.py). To be run when a release comes out:

    git clone --bare https://github.com/kubeflow/pipelines /tmp/kfp.git
    uv run --no-project --with grpcio-tools python tools/kubeflow_messages.py /tmp/kfp.git
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from google.protobuf import descriptor_pb2
from grpc_tools import protoc

OLDEST = (2, 5, 0)  # pipeline/kubeflow/compile/spec.py, MINIMUM_BACKEND
TABLE = Path(__file__).resolve().parents[1] / "tests/pipeline/kubeflow/messages.tsv"
# Place in the repository, and how the files call one another.
PROTOS = {
    "api/v2alpha1/pipeline_spec.proto": "pipeline_spec.proto",
    "backend/api/v2beta1/google/rpc/status.proto": "google/rpc/status.proto",
    "kubernetes_platform/proto/kubernetes_executor_config.proto": "executor_config.proto",
}
ROOTS = (
    "kfp_kubernetes.KubernetesExecutorConfig",
    "ml_pipelines.PipelineSpec",
    "ml_pipelines.PipelineDeploymentConfig",
    "ml_pipelines.PlatformSpec",
)
HEADER = """\
# What each release of Kubeflow Pipelines' backend knows, written by tools/kubeflow_messages.py.
# Releases: {releases}
# Field, type, first and last release with it (the first here may stand for earlier ones, the last
# for later ones), the `oneof` that it is one of, or an enumerator's number.
"""
Field = descriptor_pb2.FieldDescriptorProto


def git(clone: str, *arguments: str) -> str:
    """What git says of a clone."""
    command = ["git", "-C", clone, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def releases(clone: str) -> list[str]:
    """The tags of backends, oldest first."""
    tags = re.findall(r"^(\d+)\.(\d+)\.(\d+)$", git(clone, "tag"), flags=re.MULTILINE)
    versions = sorted(tuple(map(int, tag)) for tag in tags)
    return [".".join(map(str, version)) for version in versions if version >= OLDEST]


def compiled(clone: str, release: str) -> descriptor_pb2.FileDescriptorSet:
    """The messages of a release."""
    with tempfile.TemporaryDirectory() as folder:
        for place, name in PROTOS.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(git(clone, "show", f"{release}:{place}"), encoding="utf-8")
        out = Path(folder, "descriptors")
        known = resources.files("grpc_tools") / "_proto"
        options = [f"-I{folder}", f"-I{known}", f"--descriptor_set_out={out}", *PROTOS.values()]
        if protoc.main(["protoc", *options]):
            raise SystemExit(f"protoc does not understand the messages of {release}.")
        return descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())


def rows(files: descriptor_pb2.FileDescriptorSet) -> Iterator[tuple[str, str, str]]:
    """Field, type and `oneof` or number, for all that the roots can hold."""
    messages, enums = {}, {}

    def collect(scope: str, owner: descriptor_pb2.FileDescriptorProto | Field) -> None:
        for enum in owner.enum_type:
            enums[f"{scope}.{enum.name}"] = enum
        for message in getattr(owner, "message_type", ()) or getattr(owner, "nested_type", ()):
            messages[f"{scope}.{message.name}"] = message
            collect(f"{scope}.{message.name}", message)

    for file in files.file:
        collect(file.package, file)
    waiting, seen = list(ROOTS), set()
    while waiting:
        name = waiting.pop(0)
        if name in seen or name.startswith("google.protobuf."):
            continue
        seen.add(name)
        if name in enums:
            for value in enums[name].value:
                yield f"{name}.{value.name}", "enum", str(value.number)
            continue
        for field in messages[name].field:
            kind = type_of(field)
            repeated = field.label == Field.LABEL_REPEATED
            entry = messages.get(kind)
            if entry is not None and entry.options.map_entry:
                key, value = map(type_of, entry.field)
                shown, kind = f"map<{key},{value}>", value
            else:
                shown = f"repeated {kind}" if repeated else kind
            if "." in kind:
                waiting.append(kind)
            # A proto3 `optional` is a oneof of its own, which JSON does not show.
            alone = field.proto3_optional or not field.HasField("oneof_index")
            oneof = "" if alone else messages[name].oneof_decl[field.oneof_index].name
            yield f"{name}.{field.name}", shown, oneof


def type_of(field: Field) -> str:
    """`string`, or a message's full name."""
    return field.type_name[1:] or Field.Type.Name(field.type).removeprefix("TYPE_").lower()


def main(clone: str) -> None:
    """Writes the table."""
    names = releases(clone)
    known: dict[tuple[str, str, str], list[str]] = {}
    for release in names:
        for row in rows(compiled(clone, release)):
            known.setdefault(row, []).append(release)
    for row, having in known.items():
        if having != names[names.index(having[0]) : names.index(having[-1]) + 1]:
            raise SystemExit(f"{row[0]} came, went and came again; the table cannot say that.")
    lines = sorted(
        "\t".join((name, kind, having[0], having[-1], last)).rstrip()
        for (name, kind, last), having in known.items()
    )
    header = HEADER.format(releases=" ".join(names))
    TABLE.write_text(header + "\n".join(lines) + "\n", encoding="utf-8")
    print(f"{TABLE}: {len(lines)} fields of {len(names)} releases")


if __name__ == "__main__":
    main(sys.argv[1])
