"""What the documentation may tell to type."""

import re
import shutil
from pathlib import Path

import pytest

from pipeline.kubeflow.compile import output
from pipeline.settings import config
from tools import check_docs

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def told(tmp_path):
    """The faults of a README of this text, beside our Makefile."""
    shutil.copy(ROOT / "Makefile", tmp_path)

    def tell(text):
        (tmp_path / "README.md").write_text(text, encoding="utf-8")
        return list(check_docs.faults(tmp_path / "README.md", tmp_path))

    return tell


def test_our_own_documentation_is_true():
    assert check_docs.main([]) == 0


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("bitpipe fly", "there is no command 'fly'"),
        (".venv/bin/bitpipe run --data D --out O --fast", "No such option"),
        ("bitpipe run --data D", "out is missing"),
        ("bitpipe run --data D --out O --set train.step=1", "did you mean 'train.steps'"),
        ("bitpipe run --data D --out O --config digits --set train.steps=x", "a whole number"),
        ("bitpipe predict --server URL --name N | head", "IMAGES... is missing"),
        ("bitpipe predict a.jpg --server URL --name N --top 0", "0 is not in the range"),
        ("bitpipe predict a.jpg --server URL --name N --format xml", "is not one of"),
        ("bitpipe schedule stop photos", "there is no command 'stop'"),
        ("bitpipe config list all", "nothing takes 'all'"),
        ("make fast", "there is no target 'fast'"),
        ("make setup CUDA=1", "knows no CUDA"),
    ],
)
def test_a_command_that_does_not_exist_is_found(told, line, problem):
    (fault,) = told(f"Type:\n\n```\n{line}\n```\n")
    assert fault.startswith(f"`{line}`: ")
    assert problem in fault


@pytest.mark.parametrize(
    "line",
    [
        "bitpipe run --data D --out O --set train.steps=5  # a comment",
        "bitpipe schedule --cron '0 2 * * *' && bitpipe schedule list",
        "bitpipe run --data D --out O --set KEY=VALUE --config my.yaml",
        "make LANE=stable PYTHON=/usr/bin/python3.10 setup",
        "bitpipe/  is a folder, and bitpiped is not ours; it's a sentence",
        "cp a b && make-believe",
    ],
)
def test_what_can_be_typed_and_what_is_none_of_ours_pass(told, line):
    assert told(f"```\n{line}\n```\n") == []


def test_a_sentence_may_leave_out_what_is_required_but_invent_nothing(told):
    assert told("With `bitpipe run` or `bitpipe\nconfig show`, as `make` does.") == []
    assert len(told("With `bitpipe walk` or `bitpipe run --speed 3`, as `make coffee` does.")) == 3


def test_lines_that_go_on_are_read_as_one(told):
    assert told("```\nbitpipe run --data D \\\n  --out O\n```\n") == []
    assert len(told("```\nbitpipe run --data D \\\n  --oout O\n```\n")) == 1


def test_an_example_of_a_configuration_must_load(told):
    yaml = "train: {steps: 5}\ngate: {min_accuracy: 2}\n"
    (fault,) = told(f"```yaml\n{yaml}```\n")
    assert "gate.min_accuracy must be a number from 0.0 to 1.0" in fault
    (fault,) = told(f"```\ncat > c.yaml <<'END'\n{yaml}END\n```\n")
    assert "gate.min_accuracy" in fault
    assert told("```yaml\nservices: {a: 1}\n```\n") == []


def test_links_lead_to_files_and_headings(told):
    assert told("# One & two\n[a](README.md#one--two) [b](#one--two) [c](https://x.y)") == []
    assert len(told("[a](gone.md) [b](README.md#gone)")) == 2


def test_the_cluster_of_the_readme_can_be_compiled_as_it_stands(tmp_path):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (name, content) = re.search(r"cat > (\S+) <<'END'\n(.*?)^END$", text, re.M | re.S).groups()
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert f"bitpipe compile --config {name} --out pipeline.yaml" in text
    output.check(config.load(str(tmp_path / name)).config, tmp_path / "pipeline.yaml")
