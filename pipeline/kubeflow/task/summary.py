"""A task's summary in Markdown, which Kubeflow's page shows beside its log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tfx.orchestration import metadata
from tfx.orchestration.portable.mlmd import execution_lib
from tfx.proto.orchestration import pipeline_pb2
from tfx.types import Artifact

from components.data_checks import kept as kept_checks
from components.data_checks.results import Checked
from components.gate import kept
from components.release import pusher
from components.serving_check import verdict as serving_check
from pipeline.kubeflow.task.mlmd import Connection
from pipeline.node import Outcome


def describe(part: pipeline_pb2.Pipeline, connection: Connection, outcome: Outcome) -> str:
    """How the node of `part` ended, what it read and what it wrote."""
    name = part.nodes[0].pipeline_node.node_info.id
    if outcome.execution_id is None:
        return f"# {name}\n\nskipped\n"
    with metadata.Metadata(connection) as handle:
        read = execution_lib.get_input_artifacts(handle, outcome.execution_id)
        written = execution_lib.get_output_artifacts(handle, outcome.execution_id)
    state = "taken from the cache" if outcome.cached else "complete"
    return (
        f"# {name}\n\n{state} after {outcome.seconds:.1f} s "
        f"(execution {outcome.execution_id} in ML Metadata)\n{_judged(written)}"
        f"{_table('Read', read)}{_table('Written', written)}"
    )


def _judged(written: Mapping[str, Sequence[Artifact]]) -> str:
    """What the stage said of the model or the pictures, if it judged them.

    Kubeflow keeps the summaries of tasks that succeed, as a stage does that refuses a model, and
    not that of the task that then fails for it.
    """
    text = ""
    for artifact in [artifact for several in written.values() for artifact in several]:
        if artifact.type_name == "ModelEvaluation":
            if not kept.has_verdict(artifact.uri):
                continue
            said = kept.read_verdict(artifact.uri)
            text += _verdict(said.blessed, said.sentences)
        elif artifact.type_name == "ExampleAnomalies":
            text += _checks(kept_checks.read(artifact.uri))
        elif artifact.type_name == "InfraBlessing":
            loads = artifact.get_int_custom_property("blessed") == 1
            if checked := serving_check.read(artifact.uri):
                text += _verdict(loads, checked.all_sentences) + _log(checked.log)
            else:
                text += _verdict(loads, () if loads else ("TensorFlow Serving could not load it.",))
        elif remark := artifact.get_string_custom_property(pusher.REMARK):
            text += f"\n## Release\n\nNot in service: {remark}.\n"
    return text


def _checks(checked: Checked | None) -> str:
    if checked is None:
        return ""
    in_order = sorted(checked.checks, key=lambda one: one.passed)
    lines = "".join(
        f"- {'' if one.passed else 'warning: '}{one.sentence} ({one.rule})\n" for one in in_order
    )
    return f"\n## Pictures\n\n{lines}" if lines else ""


def _verdict(blessed: bool, sentences: Sequence[str]) -> str:
    lines = "".join(f"- {sentence}\n" for sentence in sentences)
    what = "blessed" if blessed else "not blessed, and nothing is pushed"
    return f"\n## Verdict\n\nThe model is {what}.\n" + (f"\n{lines}" if lines else "")


def _log(lines: Sequence[str]) -> str:
    """A server's, indented: what is in it is not to be taken for Markdown."""
    told = "".join(f"    {line}\n" for line in lines)
    return f"\nThe server's log ends with\n\n{told}" if told else ""


def write(path: str, text: str) -> None:
    """Writes the file, whose folder Kubeflow's launcher may not have made."""
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def _table(title: str, artifacts: Mapping[str, Sequence[Artifact]]) -> str:
    rows = [(key, artifact) for key, several in sorted(artifacts.items()) for artifact in several]
    if not rows:
        return ""
    lines = "".join(f"| {key} | {a.type_name} {a.id} | `{a.uri}` |\n" for key, a in rows)
    return f"\n## {title}\n\n| | artifact | place |\n|---|---|---|\n{lines}"
