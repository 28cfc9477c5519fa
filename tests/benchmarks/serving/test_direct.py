"""The protocol and the timing of direct calls, without TensorFlow."""

import io
import json
import types

import pytest

from benchmarks.serving import direct, pictures


class Call:
    """A call of some seconds by the clock that `direct` sees."""

    def __init__(self, monkeypatch, seconds=1.0):
        self._seconds = seconds
        self.batches = []
        self._now = 0.0
        clock = types.SimpleNamespace(perf_counter=lambda: self._now)
        monkeypatch.setattr(direct, "time", clock)

    def __call__(self, batch):
        # The first call is slow: TensorFlow still chooses kernels.
        self._now += self._seconds if self.batches else 50.0
        self.batches.append(batch)


def test_first_call_does_not_count_and_all_others_do(monkeypatch):
    call = Call(monkeypatch)
    assert direct.timed(call, [[b"a"], [b"b"]], seconds=3.0) == [1.0, 1.0, 1.0]
    assert call.batches == [[b"a"], [b"a"], [b"b"], [b"a"]]


def test_calls_go_on_until_they_add_up(monkeypatch):
    assert len(direct.timed(Call(monkeypatch), [[b"a"]], seconds=3.5)) == 4
    assert len(direct.timed(Call(monkeypatch), [[b"a"]], seconds=0.1)) == 1
    assert direct.timed(Call(monkeypatch, 0.25), [[b"a"]], seconds=1.0) == [0.25] * 4


@pytest.mark.parametrize("size", [1, 3, 16, 32, 40])
def test_batches_hold_all_pictures_in_turn(size):
    made = direct.batches(size, (16, 12))
    files = pictures.encode_many(direct.COUNT, direct.SEED, (16, 12))
    assert {len(batch) for batch in made} == {size}
    in_order = [file for batch in made for file in batch]
    assert in_order == (files * 2)[: len(in_order)]
    assert set(in_order) == set(files)


def test_each_request_is_answered_by_a_line_with_the_calls_of_its_way(monkeypatch):
    first, second = Call(monkeypatch), Call(monkeypatch)
    lines = [
        {"way": way, "batch": 2, "size": [16, 12], "seconds": seconds}
        for way, seconds in (("second", 2.0), ("first", 1.0), ("second", 3.0))
    ]
    requests = io.StringIO("".join(json.dumps(line) + "\n" for line in lines))
    replies = io.StringIO()
    monkeypatch.setattr(direct, "timed", recorder(calls := []))
    direct.answer({"first": first, "second": second}, requests, replies)
    assert [json.loads(line) for line in replies.getvalue().splitlines()] == [[2.0], [1.0], [3.0]]
    assert [call for call, _, _ in calls] == [second, first, second]
    assert all(batches == direct.batches(2, (16, 12)) for _, batches, _ in calls)


def recorder(calls):
    def timed(call, batches, seconds):
        calls.append((call, batches, seconds))
        return [seconds]

    return timed


def test_reply_is_there_before_the_next_request_is_read(monkeypatch):
    monkeypatch.setattr(direct, "timed", recorder([]))
    request = json.dumps({"way": "w", "batch": 1, "size": [8, 8], "seconds": 1.0}) + "\n"
    flushed = []

    class Replies(io.StringIO):
        def flush(self):
            flushed.append(self.getvalue())

    def asked():
        yield request
        assert flushed == ["[1.0]\n"]
        yield request

    direct.answer({"w": None}, asked(), Replies())
    assert flushed[-1] == "[1.0]\n[1.0]\n"
