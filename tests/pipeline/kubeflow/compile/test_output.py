"""`bitpipe compile` says what is missing at once, and leaves no half a pipeline."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from bitpipe.errors import ConfigError
from pipeline.cli import cli
from pipeline.kubeflow.compile import output

CLUSTER = str(Path(__file__).parents[1] / "cluster.yaml")


def compile_(out, *overrides):
    arguments = ["compile", "--config", CLUSTER, "--out", str(out)]
    for override in overrides:
        arguments += ["--set", override]
    return CliRunner().invoke(cli, arguments)


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (("kubeflow.image=''",), "kubeflow.image must name the project's image"),
        (("kubeflow.stages.trainer.pool=tpu",), "kubeflow.stages.trainer.pool must be one of"),
    ],
)
def test_a_configuration_that_cannot_be_compiled_is_told_before_tfx_is_loaded(
    tmp_path, overrides, sentence
):
    done = compile_(tmp_path / "pipeline.yaml", *overrides)
    assert done.exit_code == 2
    assert sentence in done.output
    assert "loading" not in done.output
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_told_before_tfx_is_loaded(tmp_path):
    done = compile_(tmp_path / "missing" / "pipeline.yaml")
    assert done.exit_code == 2
    assert "make it first" in done.output


def test_all_files_are_written_or_none(tmp_path):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    contents = {tmp_path / "pipeline.yaml": "new", tmp_path / "missing" / "x": "new"}
    with pytest.raises(ConfigError, match="--out"):
        output._replace_all(contents)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["taken"]


def test_a_file_is_replaced_whole(tmp_path):
    out = tmp_path / "pipeline.yaml"
    out.write_text("old")
    output._replace_all({out: "new"})
    assert out.read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["pipeline.yaml"]
