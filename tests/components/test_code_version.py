"""The part of the cache key that sees code."""

import shutil
from pathlib import Path

from components import code_version as module


def version_of(folder, monkeypatch):
    monkeypatch.setattr(module, "_TOP", folder)
    return module.code_version.__wrapped__()


def test_a_changed_stage_changes_the_version_and_a_changed_server_does_not(tmp_path, monkeypatch):
    top = Path(module.__file__).parents[1]
    for package in ("components", "serving"):
        shutil.copytree(top / package, tmp_path / package)
    before = version_of(tmp_path, monkeypatch)
    assert version_of(top, monkeypatch) == before

    (tmp_path / "serving" / "server.py").write_text("# changed")
    assert version_of(tmp_path, monkeypatch) == before
    for name in ("components/bit/layers.py", "serving/pictures.py"):
        with (tmp_path / name).open("a") as file:
            file.write("\n# changed\n")
        after = version_of(tmp_path, monkeypatch)
        assert after != before
        before = after
    (tmp_path / "components" / "augment.py").rename(tmp_path / "components" / "augmented.py")
    assert version_of(tmp_path, monkeypatch) != before
