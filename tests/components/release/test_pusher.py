"""What ends up in the folder that a server watches."""

import json
import shutil
import time

import pytest

from bitpipe.model import decisions, evaluation, origin, release

pytestmark = pytest.mark.tfx

BASE = "serving/flowers"


@pytest.fixture(scope="module")
def pusher():
    from components.release import pusher

    return pusher


@pytest.fixture
def push(pusher, tmp_path):
    """Runs the executor on a model of the given content; returns the PushedModel artifact."""
    from tfx.proto import pusher_pb2
    from tfx.types import standard_artifacts
    from tfx.utils import proto_utils

    base = tmp_path / BASE
    counter = iter(range(1, 100))

    def run(content, *, blessed=True, accuracy=None, keep_versions=None, inputs=None):
        number = next(counter)
        model = standard_artifacts.Model()
        model.id = number
        model.uri = str(tmp_path / f"model-{number}")
        saved = tmp_path / f"model-{number}" / "Format-Serving"
        (saved / "variables").mkdir(parents=True)
        (saved / "saved_model.pb").write_text("graph")
        (saved / "variables" / "variables.index").write_text(content)
        blessing = standard_artifacts.ModelBlessing()
        blessing.uri = str(tmp_path / f"blessing-{number}")
        (tmp_path / f"blessing-{number}").mkdir()
        name = "BLESSED" if blessed else "NOT_BLESSED"
        (tmp_path / f"blessing-{number}" / name).write_text("")
        blessing.set_int_custom_property("blessed", int(blessed))
        if accuracy is not None:
            blessing.set_float_custom_property("accuracy", accuracy)
            blessing.set_int_custom_property("pictures", 40)
        pushed = standard_artifacts.PushedModel()
        pushed.uri = str(tmp_path / f"pushed-{number}")
        destination = pusher_pb2.PushDestination(
            filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=str(base))
        )
        pusher.Executor().Do(
            {"model": [model], "model_blessing": [blessing], **(inputs or {})},
            {"pushed_model": [pushed]},
            {
                "push_destination": proto_utils.proto_to_json(destination),
                "custom_config": json.dumps(
                    {"backbone": "scratch", "code": "c0de", "keep_versions": keep_versions}
                ),
            },
        )
        return pushed

    run.base = base
    return run


def versions(base):
    """What is in the folder of the versions, but for the files that say which one is in service."""
    told = {release.FILE, release.MODEL_CONFIG}
    found = {path.name for path in base.iterdir()} if base.exists() else set()
    return sorted(found - told)


def number(pushed):
    return int(pushed.get_string_custom_property("pushed_version") or 0)


def roll_back(base, target, why="it sees ghosts"):
    """As `bitpipe models rollback`, by somebody who does not know the models' digests."""
    found = [int(name) for name in versions(base)]
    decision = decisions.Decision(by="ann", at=1795665443, why=why)
    release.write(
        str(base), decisions.rollback(release.read(str(base)), found, target, {}, decision)
    )


def test_a_blessed_model_becomes_a_complete_version(push, pusher):
    pushed = push("weights")
    (version,) = versions(push.base)
    assert pushed.get_int_custom_property(pusher.PUSHED) == 1
    assert pushed.get_string_custom_property(pusher.VERSION) == version
    assert (push.base / version / "saved_model.pb").read_text() == "graph"
    assert (push.base / version / "variables" / "variables.index").read_text() == "weights"


def test_a_model_that_was_not_blessed_is_not_pushed(push, pusher):
    pushed = push("weights", blessed=False)
    assert versions(push.base) == []
    assert pushed.get_int_custom_property(pusher.PUSHED) == 0
    assert pushed.get_int_custom_property(pusher.MODEL_ID) == 0


def test_the_model_in_service_is_not_pushed_again(push, pusher):
    first, again = push("weights"), push("weights")
    assert len(versions(push.base)) == 1
    assert again.get_int_custom_property(pusher.PUSHED) == 0
    assert again.get_string_custom_property(pusher.VERSION) == first.get_string_custom_property(
        pusher.VERSION
    )
    assert again.get_int_custom_property(pusher.MODEL_ID) == 2


def test_how_well_it_did_is_told_beside_the_model_and_makes_it_no_other(push):
    push("weights", accuracy=0.975)
    push("weights", accuracy=0.95)  # judged on other pictures
    (version,) = versions(push.base)
    assert evaluation.read(push.base / version) == evaluation.Evaluation(0.975, 40)
    push("other weights")
    assert evaluation.read(push.base / versions(push.base)[-1]) is None


def test_other_weights_become_a_higher_version_even_within_a_second(push):
    for content in ("one", "two", "three"):
        push(content)
    assert len(versions(push.base)) == 3


def test_a_former_model_can_come_back(push):
    for content in ("one", "two", "one"):
        push(content)
    newest = versions(push.base)[-1]
    assert (push.base / newest / "variables" / "variables.index").read_text() == "one"


def test_a_deleted_version_is_pushed_again(push):
    import shutil

    push("weights")
    shutil.rmtree(push.base)
    push("weights")
    assert len(versions(push.base)) == 1


def test_a_push_that_breaks_off_shows_no_version_and_is_cleaned_up(push, pusher, monkeypatch):
    def full_disk(*_):
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(pusher.io_utils, "copy_file", full_disk)
        with pytest.raises(OSError, match="No space left"):
            push("weights")
    assert pusher.find_versions(str(push.base)) == {}
    assert all(name.startswith(".") for name in versions(push.base))
    push("weights")
    assert len(versions(push.base)) == 1


def test_an_incomplete_version_does_not_count(push, pusher):
    (push.base / "99999999999").mkdir(parents=True)
    (push.base / "notes").mkdir()
    assert pusher.find_versions(str(push.base)) == {}


def test_a_folder_whose_name_no_server_takes_for_a_version_does_not_count(push):
    push("one")
    [served] = versions(push.base)
    for name in ("99999999999999999999", "\u0664", "-5", "0"):
        (push.base / name).mkdir()
        (push.base / name / "saved_model.pb").touch()
    assert push("two").get_string_custom_property("pushed_version") == str(int(served) + 1)


def test_a_model_in_a_folder_with_leading_zeros_is_not_pushed_again(push):
    push("one")
    [served] = versions(push.base)
    (push.base / served).rename(push.base / f"00{served}")
    pushed = push("one")
    assert pushed.get_int_custom_property("pushed") == 0
    assert pushed.get_string_custom_property("pushed_version") == served
    assert pushed.get_string_custom_property("pushed_destination") == str(push.base / f"00{served}")


def test_the_highest_version_of_all_is_told_because_none_can_follow(push):
    from bitpipe.errors import ModelFolderError

    push("one")
    [served] = versions(push.base)
    (push.base / served).rename(push.base / str(2**63 - 1))
    with pytest.raises(ModelFolderError, match="remove or rename it"):
        push("two")


def test_where_it_comes_from_is_told_beside_the_model(push, pusher, tmp_path):
    from tfx.types import standard_artifacts

    examples, judged = standard_artifacts.Examples(), standard_artifacts.ModelEvaluation()
    report = {"splits": {"train": 8, "eval": 2}, "classes": {"bee": {"train": 8, "eval": 2}}}
    said = {"blessed": True, "objections": [], "notes": ["a note"], "of a later gate": 1}
    for artifact, name, content in (
        (examples, "ingest.json", report),
        (judged, "verdict.json", said),
    ):
        folder = tmp_path / name.partition(".")[0]
        folder.mkdir()
        (folder / name).write_text(json.dumps(content))
        artifact.uri = str(folder)
    examples.set_string_custom_property("input_fingerprint", "split:all,abc")
    push("weights", inputs={"examples": [examples], "evaluation": [judged]})
    (version,) = versions(push.base)
    told = origin.read(str(push.base / version))
    assert told.splits == report["splits"]
    assert told.classes == report["classes"]
    assert told.verdict == said
    assert len(told.data) == len(told.digest) == 64
    assert (told.backbone, told.code) == ("scratch", "c0de")
    assert told.bitpipe
    # Told of once; no reason to push it again.
    assert push("weights").get_int_custom_property(pusher.PUSHED) == 0


def test_names_of_files_are_those_that_ingest_and_gate_write():
    from components.gate import verdict
    from components.image_example_gen import outcomes
    from components.release import sources

    assert sources.VERDICT_FILE == verdict.FILE
    assert sources.REPORT_FILE == outcomes.REPORT_FILE


def test_only_the_newest_versions_are_kept(push):
    pushed = [number(push(content, keep_versions=2)) for content in ("one", "two", "three")]
    assert versions(push.base) == [str(version) for version in pushed[1:]]


def test_what_is_in_service_labelled_or_pinned_is_kept(push):
    first, second, third = (number(push(content)) for content in ("one", "two", "three"))
    base = str(push.base)
    decision = decisions.Decision(by="ann", at=1)
    decided = decisions.pin(release.Release(), [first], first, True, decision)
    decided = decisions.promote(decided, [first, second], second, "stable", decision)
    decided = decisions.promote(decided, [third, second], third, "canary", decision)
    release.write(base, decided)
    fourth = number(push("four", keep_versions=1))
    assert versions(push.base) == [str(v) for v in (first, second, third, fourth)]


def test_a_model_that_was_rolled_back_from_is_not_pushed_again(push, pusher):
    first, second = number(push("one")), number(push("two"))
    roll_back(push.base, first)
    for _ in range(2):
        again = push("two")
        assert again.get_int_custom_property(pusher.PUSHED) == 0
        assert again.get_int_custom_property(pusher.MODEL_ID) == 0
        assert number(again) == 0
        remark = again.get_string_custom_property(pusher.REMARK)
        assert f"version {second}, which ann rolled back from on 2026-11-26" in remark
        assert "it sees ghosts" in remark
    # Nor when the version itself is gone, once the digest is known.
    push("three", keep_versions=1)
    assert str(second) not in versions(push.base)
    assert number(push("two")) == 0


def test_a_version_that_was_rolled_back_from_gives_its_number_to_no_other(push, monkeypatch):
    first, second = number(push("one")), number(push("two"))
    roll_back(push.base, first)
    shutil.rmtree(push.base / str(second))
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: first - 100.0)  # a clock that was set back
        third = number(push("three"))
    assert third == second + 1
    decided = release.read(str(push.base))
    assert (decided.stable, third in decided.withdrawn) == (third, False)


def test_a_withdrawn_model_that_is_in_service_again_is_not_refused(push, pusher):
    """The same model in two versions: rolled back from the one, then to the other."""
    first, second, _ = (number(push(content)) for content in ("one", "two", "one"))
    roll_back(push.base, second)
    roll_back(push.base, first)
    again = push("one")
    assert number(again) == first
    assert not again.get_string_custom_property(pusher.REMARK)
    assert number(push("two")) == 0


def test_after_a_rollback_another_model_goes_into_service(push):
    first = number(push("one"))
    push("two")
    roll_back(push.base, first)
    assert number(push("one")) == first
    third = number(push("three"))
    decided = release.read(str(push.base))
    assert decided.stable == third
    assert decided.history[-1].action == "push"
    assert f"versions: {third}" in (push.base / release.MODEL_CONFIG).read_text()


def test_while_a_version_is_tried_a_pushed_one_waits(push, pusher):
    first, second = number(push("one")), number(push("two"))
    decision = decisions.Decision(by="ann", at=1)
    decided = decisions.promote(release.Release(), [first], first, "stable", decision)
    decided = decisions.promote(decided, [first, second], second, "canary", decision)
    release.write(str(push.base), decided)
    third = push("three")
    assert third.get_int_custom_property(pusher.PUSHED) == 1
    assert "waits" in third.get_string_custom_property(pusher.REMARK)
    assert release.read(str(push.base)).labels() == {"stable": first, "canary": second}
    assert number(push("three")) == number(third)
    assert len(versions(push.base)) == 3


def test_a_push_that_was_killed_before_it_was_decided_is_put_into_service_by_the_next(
    push, monkeypatch
):
    first = number(push("one"))
    push("two")
    roll_back(push.base, first)

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(release, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            push("three")
    assert release.read(str(push.base)).stable == first
    third = number(push("three"))
    assert release.read(str(push.base)).stable == third
    assert len(versions(push.base)) == 3


def test_what_tensorflow_serving_is_told_is_written_from_the_first_push_on(push):
    push("one")
    config = push.base / release.MODEL_CONFIG
    assert "latest { num_versions: 1 }" in config.read_text()
    written = config.stat().st_mtime_ns
    time.sleep(0.01)
    push("one")
    assert config.stat().st_mtime_ns == written
    assert not (push.base / release.FILE).exists()
