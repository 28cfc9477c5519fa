"""`bitpipe runs`, on what ML Metadata itself has written."""

import itertools
import json
import sqlite3
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner
from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2

from bitpipe.errors import DataError
from pipeline import failures

Execution, Event = metadata_store_pb2.Execution, metadata_store_pb2.Event
DONE, CACHED, FAILED = Execution.COMPLETE, Execution.CACHED, Execution.FAILED

KINDS = {
    "ImageExampleGen": "components.image_example_gen.component.ImageExampleGen",
    "Trainer": "tfx.components.trainer.component.Trainer",
    "Evaluator": "components.gate.component.Evaluator",
    "Pusher": "components.release.component.Pusher",
}


class Recorder:
    """Writes runs as TFX does, as far as they are read."""

    def __init__(self, out):
        out.mkdir()
        self.connection = metadata_store_pb2.ConnectionConfig()
        self.connection.sqlite.filename_uri = str(out / "metadata.db")
        self.store = metadata_store.MetadataStore(self.connection)
        self.number = itertools.count(1)

    def begin(self):
        kind = self.store.put_context_type(metadata_store_pb2.ContextType(name="pipeline_run"))
        self.name = f"2026-11-26T0{next(self.number)}:00:00"
        context = metadata_store_pb2.Context(type_id=kind, name=self.name)
        [self.context] = self.store.put_contexts([context])

    def stage(self, name, state=DONE, reads=(), writes=(), **properties):
        """reads: (key, artifact id); writes: (key, type, properties), or (key, id) from the cache.

        Returns the ids of what it wrote.
        """
        kind = self.store.put_execution_type(metadata_store_pb2.ExecutionType(name=KINDS[name]))
        execution = Execution(type_id=kind, last_known_state=state)
        for key, value in properties.items():
            execution.custom_properties[key].string_value = value
        [number] = self.store.put_executions([execution])
        link = metadata_store_pb2.Association(context_id=self.context, execution_id=number)
        self.store.put_attributions_and_associations([], [link])
        ids = [one[1] if len(one) == 2 else self._artifact(name, number, *one) for one in writes]
        written = [(one[0], artifact) for one, artifact in zip(writes, ids, strict=True)]
        for direction, items in ((Event.INPUT, reads), (Event.OUTPUT, written)):
            for key, artifact in items:
                event = Event(artifact_id=artifact, execution_id=number, type=direction)
                event.path.steps.add(key=key)
                event.path.steps.add(index=0)
                self.store.put_events([event])
        return ids

    def _artifact(self, stage, execution, key, kind, properties):
        number = self.store.put_artifact_type(metadata_store_pb2.ArtifactType(name=kind))
        uri = f"artifacts/{stage}/{key}/{execution}"
        artifact = metadata_store_pb2.Artifact(type_id=number, uri=uri)
        for name, value in properties.items():
            field = {int: "int_value", float: "double_value", str: "string_value"}[type(value)]
            setattr(artifact.custom_properties[name], field, value)
        return self.store.put_artifacts([artifact])[0]


def pictures(record, state=DONE, **known):
    fingerprint = {"input_fingerprint": "split:all,files:60,sha256:abc"}
    writes = [("examples", known["examples"])] if known else [("examples", "Examples", fingerprint)]
    settings = {} if known else fingerprint
    return record.stage(
        "ImageExampleGen", state, (), writes, input_base="/data/insects", **settings
    )[0]


def whole(record, version, steps, *, blessed=1, pushed=1, examples=None):
    """A run to the end; of the pictures of an earlier one where they are given."""
    record.begin()
    cached = {} if examples is None else {"examples": examples}
    examples = pictures(record, CACHED if cached else DONE, **cached)
    custom = {"model": {"backbone": "scratch"}, "train": {"steps": steps, "seed": 0}}
    [model] = record.stage(
        "Trainer",
        reads=[("examples", examples)],
        writes=[("model", "Model", {})],
        custom_config=json.dumps(custom),
        code_version="components.trainer=c0de",
    )
    [blessing] = record.stage(
        "Evaluator",
        reads=[("model", model), ("examples", examples)],
        writes=[("blessing", "ModelBlessing", {"blessed": blessed, "accuracy": 0.975})],
    )
    told = {"pushed": pushed, **({"pushed_version": str(version)} if version else {})}
    record.stage(
        "Pusher",
        reads=[("model", model), ("model_blessing", blessing)],
        writes=[("pushed_model", "PushedModel", told)],
    )
    return examples


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """Five runs: pushed, pushed from cached pictures, not blessed, failed, killed."""
    folder = tmp_path_factory.mktemp("runs") / "out"
    record = Recorder(folder)
    examples = whole(record, 1795529381, 30)
    whole(record, 1795665443, 40, examples=examples)
    whole(record, None, 1, blessed=0, pushed=0, examples=examples)
    record.begin()
    record.stage("ImageExampleGen", FAILED)
    error = DataError("a class has 3 files; [bold]5[/] are needed")
    failures.note(record.connection, record.name, KINDS["ImageExampleGen"], error)
    record.begin()
    pictures(record, CACHED, examples=examples)
    record.stage("Trainer", Execution.RUNNING)
    return folder


def runs(out, *words, code=0):
    from pipeline.cli import cli

    done = CliRunner().invoke(cli, ["runs", *map(str, words), "--out", str(out)])
    assert done.exit_code == code, done.output
    return done.output


def test_the_list_tells_what_came_of_each_run(out):
    head, *rows = runs(out, "list").splitlines()
    assert head.split() == ["run", "started", "seconds", "stages", "accuracy", "outcome"]
    outcomes = ["running in Trainer", "failed in ImageExampleGen", "not blessed"]
    outcomes += ["pushed 1795665443", "pushed 1795529381"]
    for number, (row, outcome) in enumerate(zip(reversed(rows), reversed(outcomes), strict=True)):
        assert row.split()[0] == str(number + 1)
        assert row.endswith(outcome)
    assert "1 cached, 3 complete" in rows[3]
    assert "0.9750" in rows[3]
    assert len(runs(out, "list", "--limit", 1).splitlines()) == 2


def test_a_run_is_shown_with_its_stages_and_artifacts(out):
    text = runs(out, "show", 2)
    assert "run 2  2026-11-26T02:00:00  pushed 1795665443" in text
    assert "ImageExampleGen  cached" in text
    assert "artifacts/Trainer/model/" in text
    assert text == runs(out, "show", "2026-11-26T02")


def test_a_failed_run_tells_why(out):
    assert "ImageExampleGen failed: a class has 3 files; [bold]5[/] are needed" in runs(
        out, "show", 4
    )


def test_everything_can_be_had_as_json(out):
    last, *_, first = json.loads(runs(out, "list", "--json"))
    assert (last["number"], first["number"]) == (5, 1)
    assert first["stages"] == {"complete": 4}
    shown = json.loads(runs(out, "show", "--json", 4))
    [execution] = shown["executions"]
    assert execution["error"].startswith("a class has 3 files")
    assert json.loads(runs(out, "show", "latest", "--json"))["number"] == 5
    [model] = json.loads(runs(out, "show", 1, "--json"))["executions"][1]["outputs"]["model"]
    assert model["kind"] == "Model"


def test_a_comparison_names_the_settings_that_differ_and_no_others(out):
    found = json.loads(runs(out, "compare", 1, 2, "--json"))
    assert found["differences"] == [
        {"key": "Trainer.custom_config.train.steps", "first": 30, "second": 40}
    ]
    text = runs(out, "compare", 1, 2)
    assert "Trainer.custom_config.train.steps" in text
    assert "no setting and no code differs" in runs(out, "compare", 1, 1)


def test_a_version_is_led_back_to_pictures_configuration_and_code(out):
    found = json.loads(runs(out, "lineage", 1795665443, "--json"))
    assert [one["stage"] for one in found["lineage"]] == [
        *("ImageExampleGen", "Trainer", "Evaluator", "Pusher")
    ]
    ingest, trainer, *_ = found["lineage"]
    # The cached stage of this run is told as what it was when it ran.
    assert (ingest["state"], ingest["id"]) == ("complete", 1)
    assert ingest["properties"]["input_base"] == "/data/insects"
    assert trainer["properties"]["custom_config"]["train"]["steps"] == 40
    text = runs(out, "lineage", 1795665443)
    assert "/data/insects (split:all,files:60,sha256:abc)" in text
    assert "components.trainer=c0de" in text
    assert "steps 40" in text
    assert "Trainer" in runs(out, "lineage", "--run", 3)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("show", "9"), "a number from 1 to 5"),
        (("show", "2026"), "5 runs are called so"),
        (("lineage", "7"), "has pushed version 7"),
        (("lineage",), "Give VERSION, or --run"),
    ],
)
def test_what_is_not_there_is_told(out, words, message):
    assert message in runs(out, *words, code=2)


def test_a_folder_without_runs_is_told(tmp_path):
    assert "holds no runs" in runs(tmp_path, "list", code=2)
    (tmp_path / "metadata.db").write_bytes(b"no database" * 100)
    assert "cannot be read" in runs(tmp_path, "list", code=2)


def test_a_database_without_runs_is_an_empty_list(tmp_path):
    Recorder(tmp_path / "out").begin()
    assert "ended before the first stage" in runs(tmp_path / "out", "list")


def test_an_error_that_cannot_be_noted_is_passed_over(tmp_path):
    record = Recorder(tmp_path / "out")
    failures.note(record.connection, "another run", "kind", ValueError("x"))


def multiply(out, times):
    """Copies all runs so often, as rows."""
    with sqlite3.connect(out / "metadata.db") as database:

        def rows(table):
            return database.execute(f"SELECT * FROM {table}").fetchall()

        def insert(table, found):
            marks = ", ".join("?" * len(found[0]))
            database.executemany(f"INSERT INTO {table} VALUES ({marks})", found)

        contexts, executions, events = rows("Context"), rows("Execution"), rows("Event")
        properties, paths = rows("ExecutionProperty"), rows("EventPath")
        associations = rows("Association")
        for copy in range(1, times):
            far = 100_000 * copy
            insert("Context", [(c[0] + far, c[1], f"{c[2]}-{copy}", *c[3:]) for c in contexts])
            insert("Execution", [(e[0] + far, *e[1:]) for e in executions])
            insert("ExecutionProperty", [(p[0] + far, *p[1:]) for p in properties])
            insert("Event", [(e[0] + far, e[1], e[2] + far, *e[3:]) for e in events])
            insert("EventPath", [(p[0] + far, *p[1:]) for p in paths])
            insert("Association", [(a[0] + far, a[1] + far, a[2] + far) for a in associations])


def test_five_hundred_runs_are_listed_in_less_than_two_seconds_without_a_framework(tmp_path):
    record = Recorder(tmp_path / "out")
    for _ in range(5):
        whole(record, 1795665443, 40)
    multiply(tmp_path / "out", 100)
    code = (
        "import sys, time; from pipeline.cli import cli; cli(sys.argv[1:], standalone_mode=False);"
        "print(sorted({'tensorflow', 'tfx', 'ml_metadata', 'numpy'} & set(sys.modules)));"
        "print(time.process_time())"
    )
    command = [sys.executable, "-c", code, "runs", "list", "--out", str(tmp_path / "out")]
    before = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    print(f"{time.monotonic() - before:.2f} s")
    *listed, loaded, seconds = done.stdout.splitlines()
    assert len(listed) == 501
    assert loaded == "[]"
    assert float(seconds) < 2  # of this process alone, whatever its neighbours do
