"""Five fields become the six that Kubeflow takes, and keep what people mean by them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitpipe.errors import BitpipeError, ConfigError
from pipeline.kubeflow.api.cron import kubeflow_fields


@pytest.mark.parametrize(
    ("usual", "kubeflows"),
    [
        ("0 2 * * *", "0 0 2 * * *"),
        ("*/15 * * * *", "0 */15 * * * *"),
        ("30 4 1,15 * MON-FRI", "0 30 4 1,15 * MON-FRI"),
        ("0 0 * * 7", "0 0 0 * * 0"),
        ("0 0 * * 5-7", "0 0 0 * * 5,6,0"),
        ("0 0 * * 1-7/2", "0 0 0 * * 1,3,5,0"),
        ("0 0 * * fri-7", "0 0 0 * * 5,6,0"),
        ("0 0 29 2 *", "0 0 0 29 2 *"),
        ("0 0 31 2 1", "0 0 0 31 2 1"),
        ("  0   2 * * * ", "0 0 2 * * *"),
        ("15 0 2 * * *", "15 0 2 * * *"),
        ("0 0 9 ? * 2-6", "0 0 9 ? * 2-6"),
    ],
)
def test_five_fields_become_six_with_seconds_first(usual, kubeflows):
    assert kubeflow_fields(usual) == kubeflows


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "five fields"),
        ("@daily", "five fields"),
        ("0 2 * *", "five fields"),
        ("0 0 2 * * * 2030", "five fields"),
        ("60 2 * * *", "the minute cannot be used (0 to 59)"),
        ("0 24 * * *", "the hour"),
        ("0 2 0 * *", "the day of the month"),
        ("0 2 * 13 *", "the month"),
        ("0 2 * * 8", "0 to 6; Sunday is 0"),
        ("0 0 2 * * 7", "0 to 6; Sunday is 0"),
        ("0 2 * * foo", "the day of the week"),
        ("0 2 * * foo-7", "the day of the week"),
        ("5-1 2 * * *", "backwards"),
        ("*/0 2 * * *", "a step must not be 0"),
        ("*-5 2 * * *", "no range"),
        ("? 2 * * *", "for days only"),
        ("1,,2 2 * * *", "the minute"),
        ("-1 2 * * *", "the minute"),
        ("٣ 2 * * *", "the minute"),
        ("0 2 31 2 *", "no month meant has such a day"),
        ("0 2 31 4,6 *", "no month meant has such a day"),
    ],
)
def test_what_is_no_schedule_is_refused_in_one_sentence(text, complaint):
    with pytest.raises(ConfigError) as error:
        kubeflow_fields(text)
    assert complaint in str(error.value)
    assert "Received: " in str(error.value)


def field(lowest, highest):
    """A field, and all values that it means."""
    number = st.integers(lowest, highest)
    step = st.integers(1, highest)
    whole = st.just(("*", set(range(lowest, highest + 1))))
    single = number.map(lambda value: (str(value), {value}))
    stepped = step.map(lambda by: (f"*/{by}", set(range(lowest, highest + 1, by))))
    ranges = st.tuples(number, number, step).map(
        lambda drawn: (
            f"{min(drawn[:2])}-{max(drawn[:2])}/{drawn[2]}",
            set(range(min(drawn[:2]), max(drawn[:2]) + 1, drawn[2])),
        )
    )
    lists = st.lists(st.one_of(single, ranges), min_size=1, max_size=4).map(
        lambda items: (",".join(text for text, _ in items), set().union(*(it[1] for it in items)))
    )
    return st.one_of(whole, stepped, lists)


def meaning(text, lowest, highest):
    """The values of a field without names, read anew."""
    values = set()
    for item in text.split(","):
        span, _, step = item.partition("/")
        first, _, last = span.partition("-")
        bounds = (lowest, highest) if first == "*" else (int(first), int(last or first))
        values.update(range(bounds[0], bounds[1] + 1, int(step or 1)))
    return values


@given(field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 7))
def test_every_usual_schedule_keeps_its_meaning(minute, hour, day, month, weekday):
    usual = " ".join(text for text, _ in (minute, hour, day, month, weekday))
    second, *rest = kubeflow_fields(usual).split()
    assert second == "0"
    limits = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
    for text, (_, meant), bounds in zip(rest[1:3], (hour, day), limits[1:3], strict=True):
        if "*" not in text:
            assert meaning(text, *bounds) == meant
    assert rest[:4] == [text for text, _ in (minute, hour, day, month)]
    if "*" not in weekday[0]:
        assert meaning(rest[4], 0, 6) == {value % 7 for value in weekday[1]}
        assert "7" not in re.sub(r"/\d+", "", rest[4])


def fields_or_refusal(text):
    """Six fields, or the error; anything else is a bug."""
    try:
        return kubeflow_fields(text).split()
    except BitpipeError as error:
        return error


@given(st.text(alphabet="0123456789 */-,?MONa@#\u0663", max_size=20))
def test_whatever_is_typed_gives_six_fields_or_a_sentence(text):
    found = fields_or_refusal(text)
    if isinstance(found, BitpipeError):
        assert (found.exit_code, "\n" in str(found)) == (2, False)
    else:
        assert len(found) == 6
        assert kubeflow_fields(" ".join(found)).split() == found
