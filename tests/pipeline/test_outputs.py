"""TFX's cache passes over outputs that are not whole; what ended runs have left is cleared."""

import pytest

pytestmark = pytest.mark.tfx


@pytest.fixture
def mlmd(tmp_path):
    from tfx.orchestration import metadata

    return metadata.sqlite_metadata_connection_config(str(tmp_path / "metadata.db"))


@pytest.fixture
def publish(mlmd, tmp_path):
    """Publishes an execution with an output of two files; gives its id and the output's folder."""
    from ml_metadata.proto import metadata_store_pb2
    from tfx.orchestration import metadata
    from tfx.orchestration.portable import execution_publish_utils
    from tfx.orchestration.portable.mlmd import context_lib
    from tfx.types import standard_artifacts

    def run(state="complete", kind=standard_artifacts.Examples, **properties):
        with metadata.Metadata(mlmd) as handle:
            cache = context_lib.register_context_if_not_exists(handle, "execution_cache", "key")
            execution = execution_publish_utils.register_execution(
                handle, metadata_store_pb2.ExecutionType(name="Stage"), [cache]
            )
            folder = tmp_path / "root" / "Stage" / "out" / str(execution.id)
            (folder / "Split-train").mkdir(parents=True)
            (folder / "Split-train" / "a.gz").write_bytes(b"a record")
            (folder / "report.json").write_bytes(b"{}")
            artifact = kind()
            artifact.uri = str(folder)
            for name, value in properties.items():
                artifact.set_string_custom_property(name, value)
            if state == "complete":
                execution_publish_utils.publish_succeeded_execution(
                    handle, execution.id, [cache], {"out": [artifact]}
                )
        return execution.id, folder

    return run


@pytest.fixture
def cached(mlmd):
    """The folder that TFX's cache would hand out; None where the stage runs."""
    from tfx.orchestration import metadata
    from tfx.orchestration.portable import cache_utils
    from tfx.orchestration.portable.mlmd import context_lib

    from pipeline import outputs

    def ask():
        with metadata.Metadata(mlmd) as handle, outputs.whole_only():
            cache = context_lib.register_context_if_not_exists(handle, "execution_cache", "key")
            found = cache_utils.get_cached_outputs(handle, cache)
        return found and found["out"][0].uri

    return ask


def test_a_whole_output_is_reused(mlmd, publish, cached):
    from pipeline import outputs

    execution, folder = publish()
    outputs.note(mlmd, execution)
    assert cached() == str(folder)
    (folder / ".nfs0001").touch()  # nobody reads it
    assert cached() == str(folder)


@pytest.mark.parametrize("damage", ["a file gone", "a file cut", "all gone"])
def test_an_output_of_which_something_is_gone_is_made_again(mlmd, publish, cached, damage):
    from pipeline import outputs

    execution, folder = publish()
    outputs.note(mlmd, execution)
    if damage == "a file cut":
        (folder / "Split-train" / "a.gz").write_bytes(b"a re")
    else:
        (folder / "Split-train" / "a.gz").unlink()
    if damage == "all gone":
        (folder / "report.json").unlink()
    assert cached() is None


def test_an_output_that_a_stage_does_not_vouch_for_is_made_again(publish, cached):
    from components import uncached

    publish(**{uncached.PROPERTY: "its data changed"})
    assert cached() is None


def test_an_older_output_that_is_whole_is_taken_instead(mlmd, publish, cached):
    from pipeline import outputs

    (first, older), (second, newer) = publish(), publish()
    for execution in (first, second):
        outputs.note(mlmd, execution)
    assert cached() == str(newer)
    (newer / "report.json").unlink()
    assert cached() == str(older)


def test_an_output_of_an_earlier_version_is_trusted_while_it_is_there(publish, cached):
    _, folder = publish()
    assert cached() == str(folder)


def test_what_an_ended_run_has_left_is_cancelled_and_removed(mlmd, publish, tmp_path):
    from ml_metadata.proto import metadata_store_pb2
    from tfx.orchestration import metadata

    from pipeline import leftovers

    root = tmp_path / "root"
    (finished, whole), (running, half) = publish(), publish(state="running")
    temporary = root / "Stage" / ".system" / "executor_execution" / str(running)
    working = root / "Stage" / ".system" / "stateful_working_dir" / "2026-01-01"
    checkpoint = root / "checkpoints" / "0123" / "ckpt-50.index"
    for place in (temporary, working, checkpoint):
        place.mkdir(parents=True)
    leftovers.clear(mlmd, root)
    assert whole.is_dir()
    assert checkpoint.exists()
    assert not any(place.exists() for place in (half, temporary, working))
    with metadata.Metadata(mlmd) as handle:
        states = {one.id: one.last_known_state for one in handle.store.get_executions()}
    assert states == {
        finished: metadata_store_pb2.Execution.COMPLETE,
        running: metadata_store_pb2.Execution.CANCELED,
    }
    leftovers.clear(mlmd, root)


def test_damaged_examples_are_told_with_the_folder_to_delete(mlmd, publish):
    import tensorflow as tf
    from ml_metadata.proto import metadata_store_pb2
    from tfx.orchestration import metadata
    from tfx.orchestration.portable import execution_publish_utils
    from tfx.orchestration.portable.mlmd import execution_lib

    from bitpipe.errors import DataError
    from pipeline import damage

    execution, folder = publish()
    path = str(folder / "Split-train" / "a.gz")
    options = tf.io.TFRecordOptions(compression_type="GZIP", compression_level=0)
    with tf.io.TFRecordWriter(path, options) as writer:
        writer.write(b"a picture" * 100)
    with metadata.Metadata(mlmd) as handle:
        (examples,) = execution_lib.get_output_artifacts(handle, execution)["out"]
        execution_publish_utils.register_execution(
            handle,
            metadata_store_pb2.ExecutionType(name="Reader"),
            [],
            input_artifacts={"examples": [examples]},
        )
    damage.require_readable(mlmd)
    content = bytearray((folder / "Split-train" / "a.gz").read_bytes())
    content[300] ^= 255
    (folder / "Split-train" / "a.gz").write_bytes(content)
    with pytest.raises(DataError, match=f"Delete the folder {folder} and run") as told:
        damage.require_readable(mlmd)
    assert len(str(told.value)) < 500
