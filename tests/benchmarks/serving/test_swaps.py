"""Versions appear whole, and what the server makes of them is judged."""

import asyncio
import functools
import shutil
import types

import grpc
import pytest

from benchmarks.serving import swaps
from serving.client import messages
from tests.benchmarks.serving.servers import grpc_server

COUNT = 4


@pytest.fixture
def saved_model(tmp_path):
    folder = tmp_path / "saved"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "data").write_bytes(b"weights")
    return folder


def versions(folder):
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isdigit())


def test_version_is_visible_only_when_it_is_whole(saved_model, tmp_path, monkeypatch):
    folder, seen = tmp_path / "models" / "tiny", []

    def watched(source, target, **options):
        seen.append(versions(folder))
        return shutil.copy2(source, target, **options)

    copytree = functools.partial(shutil.copytree, copy_function=watched)
    monkeypatch.setattr(swaps, "shutil", types.SimpleNamespace(copytree=copytree))
    for version in (1, 2):
        swaps.push(saved_model, folder, version)
    assert seen == [[], [], [1], [1]]
    assert versions(folder) == [1, 2]
    files = {p.relative_to(folder / "2").as_posix() for p in (folder / "2").rglob("*")}
    assert files == {"saved_model.pb", "variables", "variables/data"}
    assert len(list(folder.iterdir())) == 2


def reply(version):
    message = messages.PredictResponse()
    message.model_spec.version.value = version
    return message.SerializeToString()


def run(bench, saved_model, answer):
    """The section and the folder, with a server whose `answer` sees the versions in it."""
    folder = bench.folder / "swapped" / "tiny"
    swaps.push(saved_model, folder, 1)

    async def answered(_, __, context):
        return await answer(versions(folder), context)

    async def load():
        async with grpc_server(answered) as address:
            process = types.SimpleNamespace(addresses={"swaps": address}, rss_mb=100.0)
            bench.hosted = lambda *_: process
            bench.saved_model = lambda _: saved_model
            return await swaps.run(bench)

    section = asyncio.run(load())
    return section, {goal.text.split(" that ")[0]: goal.measured for goal in section.goals}


async def newest(there, _):
    return reply(there[-1])


def test_server_that_follows_reaches_all_goals(fake_bench, saved_model):
    bench = fake_bench(swaps=COUNT)
    section, _ = run(bench, saved_model, newest)
    assert [goal.met for goal in section.goals] == [True] * 4
    assert len(section.measured["waits_s"]) == len(section.measured["rss_mb"]) == COUNT
    assert set(section.measured["codes"]) == {"OK"}
    # The old ones are removed, as a user would.
    assert versions(bench.folder / "swapped" / "tiny") == [COUNT, COUNT + 1]


def test_version_that_is_not_served_in_time_is_missed(fake_bench, saved_model, monkeypatch):
    monkeypatch.setattr(swaps, "SWAP_S", 0.05)

    async def first(_, __):
        return reply(1)

    section, measured = run(fake_bench(swaps=2), saved_model, first)
    assert section.measured["missed"] == [2, 3]
    assert measured["versions"] == 2


def test_answer_of_an_older_version_is_noticed(fake_bench, saved_model):
    answers = 0

    async def sometimes_older(there, _):
        nonlocal answers
        answers += 1
        return reply(there[0] if answers % 5 == 0 else there[-1])

    _, measured = run(fake_bench(swaps=COUNT), saved_model, sometimes_older)
    assert measured["answers of an older version than one before the request"] > 0


def test_requests_that_fail_meanwhile_are_counted_and_told(fake_bench, saved_model):
    answers = 0

    async def sometimes_refused(there, context):
        nonlocal answers
        answers += 1
        if answers in (2, 4):
            await context.abort(grpc.StatusCode.UNAVAILABLE, "loading")
        return reply(there[-1])

    section, measured = run(fake_bench(swaps=COUNT), saved_model, sometimes_refused)
    assert measured["requests"] == 2
    assert section.notes == ["Not OK: {'UNAVAILABLE': 2}."]


def test_server_that_never_answers_well_is_reported_too(fake_bench, saved_model, monkeypatch):
    monkeypatch.setattr(swaps, "SWAP_S", 0.05)

    async def refused(_, context):
        await context.abort(grpc.StatusCode.INTERNAL, "no")

    section, measured = run(fake_bench(swaps=2), saved_model, refused)
    assert section.measured["missed"] == [2, 3]
    assert measured["requests"] == section.measured["codes"]["INTERNAL"] > 0
