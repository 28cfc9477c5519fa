"""The embedded server follows what `bitpipe models` decides, with models that load at once."""

import logging
from pathlib import Path

import pytest

from bitpipe.errors import ModelFolderError
from bitpipe.model import release
from bitpipe.model.release import Release
from serving.server.manager import ModelManager
from serving.server.released import Released
from tests.serving.server.test_manager import AVAILABLE, END, Servable, push


@pytest.fixture
def served(tmp_path: Path):
    """A manager of the versions 1, 2 and 3, and what tells it of decisions."""
    for version in (1, 2, 3):
        push(tmp_path, version)
    followed = Released(tmp_path)
    manager = ModelManager(
        tmp_path, lambda path, _: Servable(path), policy=followed.policy, poll_interval_s=60
    )
    manager.start()
    yield manager, followed
    manager.stop()


def labels(manager, followed):
    states = manager.states()
    return followed.labels([version for version in states if states[version] == AVAILABLE])


def test_until_somebody_decides_the_newest_version_is_in_service(served, tmp_path):
    manager, followed = served
    push(tmp_path, 4)
    manager.poll()
    assert manager.version == 4
    assert labels(manager, followed) == {}


def test_a_rollback_and_what_comes_after_it_are_followed(served, tmp_path):
    manager, followed = served
    release.write(str(tmp_path), Release(stable=2))
    manager.poll()
    assert manager.version == 2
    assert manager.states()[3] == END
    assert labels(manager, followed) == {"stable": 2}
    push(tmp_path, 4)
    manager.poll()
    assert manager.version == 2
    release.write(str(tmp_path), Release(stable=4))
    manager.poll()
    assert manager.version == 4


def test_a_canary_is_loaded_beside_the_version_in_service(served, tmp_path):
    manager, followed = served
    release.write(str(tmp_path), Release(stable=2, canary=3))
    manager.poll()
    assert labels(manager, followed) == {"stable": 2, "canary": 3}
    release.write(str(tmp_path), Release(stable=2))
    manager.poll()
    assert labels(manager, followed) == {"stable": 2}
    assert manager.states()[3] == END


def test_a_label_stays_with_the_version_before_until_the_next_one_is_loaded(served, tmp_path):
    manager, followed = served
    release.write(str(tmp_path), Release(stable=3))
    manager.poll()
    release.write(str(tmp_path), Release(stable=1))
    assert followed.policy().specific == (1,)  # the look at the folder has begun
    assert labels(manager, followed) == {"stable": 3}
    manager.poll()
    assert labels(manager, followed) == {"stable": 1}


def test_an_older_version_that_does_not_load_leaves_the_newer_one_in_service(served, tmp_path):
    manager, _ = served
    push(tmp_path, 1, "bad")
    release.write(str(tmp_path), Release(stable=1))
    manager.poll()
    assert manager.version == 3


def test_decisions_that_make_no_sense_change_nothing_and_are_told_once(served, tmp_path, caplog):
    manager, _ = served
    release.write(str(tmp_path), Release(stable=2))
    manager.poll()
    (tmp_path / release.FILE).write_text("no JSON")
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            manager.poll()
    assert manager.version == 2
    assert len([line for line in caplog.messages if "cannot be understood" in line]) == 1
    with pytest.raises(ModelFolderError):
        Released(tmp_path)
