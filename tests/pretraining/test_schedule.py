"""Warm-up, stable, decay; and the sizes on the way."""

import pytest

from bitpipe.errors import ConfigError
from pretraining.schedule import Schedule

OPEN = Schedule(rate=0.4, warmup=1000, sizes=((48, 5000), (64, 9000), (96, 9500)))


def test_the_rate_rises_linearly_and_stays():
    assert OPEN.rate_at(499) == pytest.approx(0.2)
    assert OPEN.rate_at(999) == pytest.approx(0.4)
    assert OPEN.rate_at(10**9) == 0.4
    assert OPEN.end is None


@pytest.mark.parametrize(
    ("seen", "size"), [(0, 48), (4999, 48), (5000, 64), (8999, 64), (9000, 96), (10**9, 96)]
)
def test_sizes_change_at_their_ends_and_the_last_one_stays(seen, size):
    assert OPEN.size_at(seen) == size


def test_a_cool_down_ends_at_zero_and_has_its_own_size():
    cooling = OPEN.cooling(6000, 400, 128)
    assert cooling.end == 6400
    assert [cooling.size_at(seen) for seen in (5999, 6000, 6399)] == [64, 128, 128]
    assert cooling.rate_at(5999) == 0.4
    assert cooling.rate_at(6000) == 0.4
    assert cooling.rate_at(6100) == pytest.approx(0.2)  # 1 - sqrt(1/4)
    assert cooling.rate_at(6400) == 0
    assert OPEN.cooldown_start is None


def test_a_cool_down_within_the_warm_up_does_not_rise_any_more():
    cooling = OPEN.cooling(100, 100, 48)
    rates = [cooling.rate_at(seen) for seen in range(100, 201, 20)]
    assert max(rates) < 0.1
    assert rates[-1] == 0


@pytest.mark.parametrize("sizes", [(), ((48, 10), (64, 10)), ((48, 10), (64, 5))])
def test_ends_must_ascend(sizes):
    with pytest.raises(ConfigError, match="ascending"):
        Schedule(0.1, 10, sizes)


def test_a_cool_down_needs_a_length():
    with pytest.raises(ConfigError, match="length"):
        OPEN.cooling(100, 0, 48)
