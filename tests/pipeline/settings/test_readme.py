"""The table of settings in the README is that of the code."""

import re
from pathlib import Path

import yaml

from pipeline.settings import config

README = Path(__file__).parents[3] / "README.md"
# Told in docs/kubeflow.md.
ELSEWHERE = "kubeflow."


def rows():
    """Key -> what the table says of its default."""
    told = {}
    lines = README.read_text(encoding="utf-8").splitlines()
    start = lines.index("| key | default | meaning |") + 2
    for line in lines[start : lines.index("", start)]:
        keys, default = (cell.strip() for cell in line.split("|")[1:3])
        told |= dict.fromkeys(re.findall(r"`([^`]+)`", keys), default.strip("`"))
    return told


def test_every_setting_has_its_row_and_every_row_a_setting():
    known = {key for key in config.load("smoke").origins if not key.startswith(ELSEWHERE)}
    assert rows().keys() - {"kubeflow"} == known


def test_the_defaults_of_the_table_are_those_of_the_code():
    for key, told in rows().items():
        value = config.as_dict(config.Config())
        for part in key.split("."):
            value = value[part]
        if isinstance(value, (str, int, float)):
            assert yaml.safe_load(f'"{told}"' if isinstance(value, str) else told) == value, key
        else:  # nothing, or too long: told in words
            assert re.search("[a-z]{3}", told) or key == "kubeflow", key
