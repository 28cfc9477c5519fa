"""Whole runs: what is pushed, what is not, what is reused."""

import html
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bitpipe.model import calibration, evaluation, training
from bitpipe.model.registry import Registry
from bitpipe.names import storable
from pipeline.runs import History
from tests.e2e.harness import CORRUPT, Pipeline
from tests.pictures import write_folder
from tools import notebook

pytestmark = [pytest.mark.e2e, pytest.mark.tfx]

STAGES = {
    "ImageExampleGen",
    "StatisticsGen",
    "SchemaGen",
    "ExampleValidator",
    "HyperRule",
    "Transform",
    "Trainer",
    "Resolver",
    "Evaluator",
    "ServingCheck",
    "Pusher",
}
TUTORIAL = notebook.PAGE.read_text(encoding="utf-8")
# A resolver looks up what is in service now, and the pusher what is in the folder: never cached.
CACHEABLE = STAGES - {"Resolver", "Pusher"}


def test_a_good_model_is_pushed(pipeline, first):
    assert first.exit_code == 0
    result = first.result
    assert result["blessed"]
    assert result["pushed"]
    assert result["accuracy"] >= 0.9
    assert result["accuracy_change"] is None
    folder = pipeline.out / "serving" / "smoke"
    assert result["model_dir"] == str(folder)
    version = folder / str(result["version"])
    assert (version / "saved_model.pb").is_file()
    told = evaluation.Evaluation(result["accuracy"], result["splits"]["eval"])
    assert evaluation.read(version) == told


def test_the_result_tells_of_data_and_stages(first):
    result = first.result
    assert result["num_examples"] == 60 == sum(result["splits"].values())
    assert result["classes"] == ["blue", "green", "red"] == list(result["accuracy_by_class"])
    assert set(result["stages"]) == STAGES
    assert first.cached == set()
    assert all(stage["seconds"] >= 0 for stage in result["stages"].values())


def test_a_server_has_answered_as_the_trainer_did_before_the_push(pipeline, first):
    said = first.result["serving_check"]
    assert said["blessed"]
    assert said["pictures"] == min(16, first.result["splits"]["eval"])
    assert said["largest_difference"] < 1e-4
    assert said["load_s"] > 0 < said["latency_ms"]
    [kept] = pipeline.out.glob("artifacts/ServingCheck/blessing/*/INFRA_BLESSED")
    assert json.loads(kept.with_name("serving_check.json").read_text()) == said
    page = Path(first.result["report"]).read_text(encoding="utf-8")
    assert all(html.escape(sentence) in page for sentence in said["sentences"])


def test_corrupt_files_are_rejected_and_reported(first):
    rejected = {item["filename"]: item["reason"] for item in first.result["rejected"]}
    assert rejected.keys() == set(map(storable, CORRUPT))
    assert all(rejected.values())


def test_the_ingest_alone_reports_and_shares_the_cache_of_the_runs(pipeline, first):
    done = pipeline.run(command="ingest")
    assert done.exit_code == 0
    assert done.result["cached"]
    assert done.result["source"] == "class folders: 3 with 64 files"
    for key in ("num_examples", "splits", "rejected"):
        assert done.result[key] == first.result[key]


def test_a_broken_check_ends_the_run_before_anything_is_trained(pipeline, first, second):
    assert "checks.imbalance" in {check["rule"] for check in first.result["data_checks"]}
    served = pipeline.served
    run = pipeline.run("checks.imbalance=fail", "checks.max_imbalance=1", "train.steps=7")
    assert run.exit_code == 2
    assert run.stdout == ""
    message = run.stderr.splitlines()[-1]
    assert "checks.imbalance: the largest class" in message
    assert "more than 1 (checks.max_imbalance)" in message
    assert pipeline.served == served
    stages = {
        execution.stage: execution.state
        for execution in History(pipeline.out).run("latest").executions
    }
    assert stages["ExampleValidator"] == "failed"
    assert not {"Transform", "Trainer"} & stages.keys()


def test_the_frameworks_noise_is_in_the_log(pipeline, first):
    logs = sorted((pipeline.out / "logs").glob("*.log"))
    assert "ImageExampleGen" in logs[0].read_text()


def test_an_unchanged_run_is_cached_and_pushes_nothing(pipeline, first, second):
    assert second.exit_code == 0
    assert second.cached >= CACHEABLE
    assert not second.result["pushed"]
    assert second.result["blessed"]
    for key in ("version", "accuracy", "model_dir", "rejected"):
        assert second.result[key] == first.result[key]


def test_a_model_worse_than_the_one_in_service_is_not_pushed(first, worse):
    assert worse.exit_code == 3
    assert not worse.result["blessed"]
    assert not worse.result["pushed"]
    assert worse.result["version"] is None
    assert worse.result["accuracy_change"] == pytest.approx(
        worse.result["accuracy"] - first.result["accuracy"]
    )
    against, *others = worse.result["objections"]
    assert "below the model in service" in against
    # One step teaches it too little for the rules that no floor can switch off.
    too_little = ("recognised", "largest class", "gate.max_recall_drop_per_class")
    assert all(any(words in text for words in too_little) for text in others)
    floor, drop = worse.result["checks"][:2]
    assert (floor["rule"], floor["passed"]) == ("gate.min_accuracy", True)
    assert (drop["rule"], drop["passed"], drop["required"]) == ("gate.max_drop", False, 0)
    assert drop["measured"] == pytest.approx(-worse.result["accuracy_change"])
    assert drop["pictures"] == worse.result["splits"]["eval"]


def test_new_hyperparameters_reuse_the_ingested_data(worse):
    assert {"ImageExampleGen", "StatisticsGen", "SchemaGen"} <= worse.cached
    assert "Trainer" not in worse.cached


def test_a_model_below_the_floor_is_not_pushed(below_floor):
    assert below_floor.exit_code == 3
    assert not below_floor.result["pushed"]
    objections = below_floor.result["objections"]
    assert any("below the floor 0.9900 (gate.min_accuracy)" in text for text in objections)
    failing = [
        name for name, share in below_floor.result["accuracy_by_class"].items() if share < 0.98
    ]
    assert failing
    for name in failing:
        assert any(f"of class {name!r}" in text and "0.9800" in text for text in objections)
    assert "Trainer" in below_floor.cached


def test_a_model_as_good_as_the_one_in_service_replaces_it(pipeline, first, below_floor, better):
    assert better.exit_code == 0
    assert better.result["pushed"]
    assert better.result["accuracy_change"] >= 0
    assert better.result["version"] > first.result["version"]
    assert pipeline.served == [first.result["version"], better.result["version"]]


def test_a_threshold_is_in_what_was_judged_and_pushed_and_in_no_other_version(
    pipeline, first, better, back
):
    stages = list(better.result["stages"])
    assert stages.index("Calibrator") == stages.index("Trainer") + 1
    assert "/Calibrator/" in better.result["candidate"]
    served = pipeline.out / "serving" / "smoke"
    below = {
        run.result["version"]: calibration.read(
            str(served / str(run.result["version"]))
        ).reject_below
        for run in (better, back)
    }
    assert below == {better.result["version"]: 0.01, back.result["version"]: 0.0}
    assert any("answers 'unknown' where" in note for note in better.result["notes"])
    assert "Calibrator" not in first.result["stages"]


def test_a_model_tells_how_it_was_trained(pipeline, first, better):
    logs = "".join(path.read_text() for path in (pipeline.out / "logs").glob("*.log"))
    told = dict(re.findall(r"train\.method=auto takes (\w+): (.+)", logs))
    of_better, of_first = (
        training.read(f"{pipeline.out}/serving/smoke/{run.result['version']}")
        for run in (better, first)
    )
    assert (of_better.method, of_first.method) == ("probe_then_fine_tune", "fine_tune")
    assert told == {of_first.method: of_first.reason}
    assert of_better.reason == "train.method says so"
    assert (
        of_better.trained + of_better.held_out
        == of_first.trained
        == first.result["splits"]["train"]
    )
    assert of_better.held_out >= 3  # one of each class
    steps = {
        phase: [p.step for p in of_better.curve if p.phase == phase] for phase in training.PHASES
    }
    phases = [phase for phase, _ in itertools.groupby(point.phase for point in of_better.curve)]
    assert phases == [training.HEAD, training.NETWORK, training.HEAD]  # and for its features again
    assert steps[training.HEAD][-1] > 40  # the HyperRule's own
    assert steps[training.NETWORK] == [20, 40]  # at another size only heads are looked at
    assert of_better.best_step >= 50
    assert list((pipeline.out / "artifacts" / "features").glob("*/*.npz"))
    # Heads that have not seen a picture say what they take it for: by that, labels are suspected.
    (told,) = (pipeline.out / "artifacts" / "Trainer" / "model_run").glob("*/cross_validated.jsonl")
    assert len(told.read_text().splitlines()) == first.result["splits"]["train"]
    assert "heads that were trained without" in Path(better.result["report"]).read_text()
    assert Path(better.result["report"]).with_name("suspects.csv").is_file()


def test_training_starts_from_the_model_in_service_and_an_unchanged_run_is_cached(
    pipeline, first, better, better_again
):
    told = training.read(f"{pipeline.out}/serving/smoke/{better.result['version']}").start
    assert told.startswith("training starts from the model in service, 3 classes")
    assert better_again.cached >= CACHEABLE - {"ServingCheck"}
    assert better_again.result["version"] == better.result["version"]
    assert not better_again.result["pushed"]
    assert better.result["stages"]["WarmStart"]["seconds"] >= 0


def test_going_back_to_a_former_configuration_serves_its_model_again(pipeline, first, better, back):
    assert back.exit_code == 0
    assert "Trainer" in back.cached
    assert back.result["pushed"]
    assert back.result["version"] > better.result["version"]
    old, new = (
        pipeline.out / "serving" / "smoke" / str(run.result["version"]) for run in (first, back)
    )
    data = "variables/variables.data-00000-of-00001"
    assert (old / data).read_bytes() == (new / data).read_bytes()


def test_a_model_that_was_rolled_back_from_is_not_pushed_again(back, better, withdrawn):
    assert withdrawn.exit_code == 3
    assert withdrawn.result["blessed"]
    assert not withdrawn.result["pushed"]
    assert withdrawn.result["version"] is None
    remark = withdrawn.result["remark"]
    assert f"version {back.result['version']}, which ann rolled back from" in remark
    assert "it sees ghosts" in remark
    # Judged against the model in service, as before: nothing had to be judged again.
    assert "Evaluator" in withdrawn.cached


def test_where_a_version_comes_from_is_told_beside_it(pipeline, first, better, back):
    newest, *_, oldest = Registry(str(pipeline.out / "serving")).versions()
    assert (oldest.version, newest.version) == (first.result["version"], back.result["version"])
    assert oldest.evaluation.accuracy == first.result["accuracy"]
    assert oldest.origin.splits == first.result["splits"]
    assert oldest.origin.classes == first.result["examples_by_class"]
    assert oldest.origin.backbone == "scratch" == newest.origin.backbone
    assert oldest.origin.verdict["blessed"]
    assert oldest.origin.digest == newest.origin.digest
    assert oldest.origin.data == newest.origin.data
    assert oldest.origin.run != newest.origin.run
    assert sorted(oldest.classes) == first.result["classes"]


def test_a_version_is_led_back_to_its_pictures_and_its_configuration(pipeline, first, better):
    history = History(pipeline.out)
    run = history.of_version(better.result["version"])
    assert history.accuracy(run) == better.result["accuracy"]
    assert run.stage("ImageExampleGen").state == "cached"
    *_, first_trainer, trainer = (
        execution for execution in history.lineage(run) if execution.stage == "Trainer"
    )
    led = {execution.stage: execution for execution in history.lineage(run)}
    assert led.keys() == STAGES - {"ExampleValidator", "Resolver", "ServingCheck"} | {"Calibrator"}
    # The model that it started from is one of its sources.
    assert trainer.inputs["base_model"] == first_trainer.outputs["model"]
    assert led["ImageExampleGen"].properties["input_base"] == str(pipeline.data)
    assert led["Trainer"].properties["custom_config"]["train"]["steps"] == 40
    before = history.of_version(first.result["version"])
    changed = [key for key, *_ in history.differences(before, run)]
    assert {"HyperRule.settings.steps", "Trainer.custom_config.train.steps"} <= set(changed)
    assert not [key for key in changed if key.startswith("ImageExampleGen")]
    assert {execution.id for execution in before.executions} >= {led["ImageExampleGen"].id}


@pytest.fixture(scope="module")
def rescued(tmp_path_factory):
    """An ingest of too many bad files, and one after they were removed."""
    folder = tmp_path_factory.mktemp("rescued")
    data = write_folder(folder / "photos", per_class=6)
    bad = data / "red" / "bad"
    bad.mkdir()
    for index in range(10):
        (bad / f"{index}.jpg").write_bytes(b"no picture")
    there = Pipeline(data, folder / "out")
    failed = there.run(command="ingest")
    listed = [path.read_text() for path in there.out.rglob("rejected.jsonl")]
    shutil.rmtree(bad)
    return there, failed, listed, there.run(command="ingest")


def test_too_many_corrupt_files_stop_the_ingest_and_leave_a_list(rescued):
    there, failed, listed, _ = rescued
    assert failed.exit_code == 2
    assert failed.stdout == ""
    message = failed.stderr.splitlines()[-1]
    assert "10" in message
    assert "Traceback" not in failed.stderr
    (listed,) = listed
    assert re.search(r"/\S+/rejected\.jsonl", message)
    assert len(listed.splitlines()) == 10
    assert not (there.out / "serving").exists()
    # And tell `bitpipe runs` why.
    stage = History(there.out).run("1").stage("ImageExampleGen")
    assert stage.state == "failed"
    assert stage.error in " ".join(message.split())


def test_a_rescued_data_set_goes_on_from_where_it_failed(rescued):
    """An ingest that failed has published nothing that a later one could take for its output."""
    *_, done = rescued
    assert done.exit_code == 0
    assert not done.result["cached"]
    assert done.result["rejected"] == []
    assert done.result["num_examples"] == 18


def test_the_command_prints_one_json_object_and_no_noise(pipeline, first):
    """In its own process, where TensorFlow's C++ code has real streams to write to.

    On an ASCII terminal, which knows neither the drawings nor all names of the data set.
    """
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = [sys.executable, "-m", "pipeline", "run", "--config", "smoke", "--json"]
    done = subprocess.run(
        [*command, "--data", str(pipeline.data), "--out", str(pipeline.out)],
        env={**os.environ, **ascii_only},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0
    assert json.loads(done.stdout)["blessed"]
    # Progress: a line per stage, what it runs on, and the classes before anything is trained.
    recognised, device, ingest, classes, *others = done.stderr.splitlines()
    assert recognised == "  class folders: 3 with 64 files"
    assert re.fullmatch(r"  computing on (CPU|GPU|TPU) .+", device)
    assert classes == "  3 classes: blue 20, green 20, red 20"
    assert sorted(line.split()[1] for line in (ingest, *others)) == sorted(STAGES)


def test_the_summary_is_kept_in_the_folder_of_outputs(pipeline, first):
    kept = (pipeline.out / "summary.txt").read_text(encoding="utf-8")
    for part in ("in 3 classes", "blessed   yes", r"blue/caf\xe9.png: ", "tensorboard --logdir "):
        assert part in kept
    logs = Path(re.search(r"--logdir (.+)", kept)[1])
    assert list(logs.rglob("events.out.tfevents.*"))


def test_every_run_leaves_a_report_whether_its_model_was_blessed_or_not(pipeline, first, worse):
    for run, verdict in ((first, "Blessed: in service as version"), (worse, "Not blessed")):
        page = Path(run.result["report"])
        text = page.read_text(encoding="utf-8")
        assert verdict in text
        assert page.parents[1] == pipeline.out / "reports"
        # Both sides' pictures are shown, and what was left out is listed.
        assert text.count("data:image/jpeg") > len(run.result["classes"])
        assert "--config smoke" in text
        assert html.escape(r"blue/caf\xe9.png") in text
        for words in (
            "--set train.steps" if run is worse else "the configuration smoke",
            "Trainer",
        ):
            assert words in text
        matrix = json.loads((page.parent / "confusion.json").read_text(encoding="utf-8"))
        assert matrix["labels"] == matrix["answers"] == run.result["classes"]
        assert sum(map(sum, matrix["counts"])) == run.result["splits"]["eval"]


def test_the_cells_of_the_tutorial_run_one_after_another(pipeline, withdrawn, capsys):
    """In one namespace of this process, on the pictures and in the folder of the runs above.

    Their configuration instead of `photos`, so that training comes from the cache.
    """
    first, *others = (code for kind, code in notebook.cells(TUTORIAL) if kind == "code")
    namespace = {}
    exec(first, namespace)
    namespace.update(DATA=str(pipeline.data), OUT=str(pipeline.out), CONFIG="smoke")
    for code in others:
        exec(code, namespace)
    result = namespace["result"]
    assert result.blessed
    assert result.stages["Trainer"].cached
    assert namespace["backbone"].output.shape == (None, 1024)
    assert namespace["classifier"].output.shape == (None, 3)
    assert namespace["reused"].output.shape == (None, 2)
    said = capsys.readouterr().out.splitlines()
    [red] = (path for path in namespace["pictures"] if path.parent.name == "red")
    of_red = [line for line in said if line.startswith(str(red))]
    out_of_the_box, classified, served = of_red
    assert "('red', " not in out_of_the_box
    assert "[('red', " in classified
    assert served == f"{red} red"
