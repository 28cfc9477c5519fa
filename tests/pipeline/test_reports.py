"""Where the report of a run is found."""

import pytest
from click.testing import CliRunner

from bitpipe.errors import ConfigError
from pipeline import reports
from pipeline.cli import cli


@pytest.fixture
def out(tmp_path):
    for name in ("20261126-050000", "20261126-060000"):
        (tmp_path / "reports" / name).mkdir(parents=True)
        (tmp_path / "reports" / name / "report.html").touch()
    (tmp_path / "reports" / "20261126-070000").mkdir()  # not finished
    return tmp_path


def test_the_latest_whole_report_of_a_folder_is_its_report(out):
    assert reports.find(out).parent.name == "20261126-060000"


def test_a_report_is_found_by_its_folder_and_by_its_page(out):
    first = out / "reports" / "20261126-050000"
    assert reports.find(first) == reports.find(first / "report.html") == first / "report.html"


def test_a_folder_without_one_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"RUN must be the folder .* Received: "):
        reports.find(tmp_path)


def test_the_command_prints_the_place_of_the_current_folders_report(out, monkeypatch):
    monkeypatch.chdir(out)
    done = CliRunner().invoke(cli, ["report"])
    assert done.output == "reports/20261126-060000/report.html\n"
    assert done.exit_code == 0
