"""The tutorial as a notebook: made of the page, and noticed where they differ."""

import json

import pytest

from tools import notebook

PAGE = "# Title\n\nText.\n\n```python\nx = 1\n\ny = 2\n```\n\n```\nno code\n```\n"


def test_python_becomes_cells_of_code_and_the_rest_text():
    assert list(notebook.cells(PAGE)) == [
        ("markdown", "# Title\n\nText."),
        ("code", "x = 1\n\ny = 2"),
        ("markdown", "```\nno code\n```"),
    ]
    [text, code, _] = json.loads(notebook.notebook(PAGE))["cells"]
    assert "".join(code["source"]) == "x = 1\n\ny = 2"
    assert (code["outputs"], "outputs" in text) == ([], False)


def test_it_is_valid_for_jupyter():
    nbformat = pytest.importorskip("nbformat", reason="Jupyter is in no lock of this lane")
    nbformat.validate(nbformat.reads(notebook.notebook(PAGE), as_version=4))


def test_a_page_that_was_changed_alone_is_noticed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(notebook, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(notebook, "NOTEBOOK", tmp_path / "page.ipynb")
    notebook.PAGE.write_text(PAGE)
    assert notebook.main(["--check"]) == 1
    assert notebook.main([]) == 0
    assert notebook.main(["--check"]) == 0
    notebook.PAGE.write_text(PAGE.replace("x = 1", "x = 3"))
    assert notebook.main(["--check"]) == 1
    assert "make docs-tutorial" in capsys.readouterr().out
