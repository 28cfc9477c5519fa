"""What ends up in the folder that a server watches."""

import pytest

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

    def run(content, *, blessed=True, accuracy=None):
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
            {"model": [model], "model_blessing": [blessing]},
            {"pushed_model": [pushed]},
            {"push_destination": proto_utils.proto_to_json(destination)},
        )
        return pushed

    run.base = base
    return run


def versions(base):
    return sorted(path.name for path in base.iterdir()) if base.exists() else []


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
    from bitpipe.model import evaluation

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
