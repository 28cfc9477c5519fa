import os

import pytest

from tests.components.image_example_gen.folders import touch


@pytest.fixture
def flowers(tmp_path):
    for name, text in [("roses/1", "x"), ("roses/2", "x"), ("tulips/1", "yy"), ("tulips/2", "yy")]:
        # Equal times, so that only what a test changes can tell.
        os.utime(touch(tmp_path / f"{name}.jpg", text), ns=(10**18, 10**18))
    return tmp_path
