"""One schedule per name, which runs what it was made with."""

import datetime
import random
import threading

import pytest

from bitpipe.errors import ConfigError
from pipeline.kubeflow.api import schedule, upload
from pipeline.kubeflow.api.failures import BackendError, KubeflowError
from pipeline.kubeflow.api.removal import ActiveRunError
from pipeline.kubeflow.api.schedule import Plan, ReplaceError
from tests.pipeline.kubeflow.packages import connect, make_package

NIGHTLY = Plan("nightly", "0 0 2 * * *")

# The API package asks urllib3 for headers in a way that urllib3 advises against.
pytestmark = pytest.mark.filterwarnings("ignore:HTTPResponse.get:DeprecationWarning")


def replace(stub, package=None, plan=NIGHTLY, values=None, **options):
    package = package or make_package()
    options = {"experiment": "photos", "sleep": stub.sleep, **options}
    return schedule.replace(connect(stub), package, values or {}, plan, **options)


def test_a_schedule_is_created_with_its_pipeline_and_its_version_pinned(stub):
    made = replace(stub, values={"data": "/photos"}, service_account="bitpipe")
    [body] = stub.bodies("create_recurring_run")
    [version] = stub.versions.values()
    assert body["pipeline_version_reference"] == {
        "pipeline_id": version["pipeline_id"],
        "pipeline_version_id": version["pipeline_version_id"],
    }
    assert version["pipeline_spec"] == make_package().pipeline_spec
    assert body["trigger"] == {"cron_schedule": {"cron": "0 0 2 * * *"}}
    assert (body["max_concurrency"], body["no_catchup"], body["mode"]) == ("1", True, "DISABLE")
    assert stub.recurring[made.id]["status"] == "ENABLED"
    assert body["runtime_config"] == {"parameters": {"data": "/photos"}}
    assert body["service_account"] == "bitpipe"
    assert made.pipeline_version_id == version["pipeline_version_id"]
    assert (made.id in stub.recurring, made.replaced, made.paused) == (True, (), False)


def test_the_platform_part_is_uploaded_as_a_second_document(stub):
    platform = {"platforms": {"kubernetes": {"deploymentSpec": {}}}}
    replace(stub, make_package(platform))
    [version] = stub.versions.values()
    assert version["pipeline_spec"]["platform_spec"] == platform


def test_what_may_be_chosen_arrives(stub):
    start = datetime.datetime(2030, 1, 1, tzinfo=datetime.timezone.utc)
    plan = Plan("w", "0 0 2 * * 1", 3, catch_up=True, start=start, end=start.replace(year=2031))
    replace(stub, plan=plan)
    [body] = stub.bodies("create_recurring_run")
    assert body["trigger"]["cron_schedule"] == {
        "cron": "0 0 2 * * 1",
        "start_time": "2030-01-01T00:00:00+00:00",
        "end_time": "2031-01-01T00:00:00+00:00",
    }
    assert (body["max_concurrency"], body["no_catchup"]) == ("3", False)


def test_a_second_one_of_the_name_replaces_the_first(stub):
    first = replace(stub)
    second = replace(stub, plan=Plan("nightly", "0 0 3 * * *"))
    assert list(stub.recurring) == [second.id]
    assert second.replaced == (first.id,)


def test_all_that_others_made_under_the_name_are_replaced_beyond_the_first_page(stub):
    made = replace(stub)
    for index in range(4):
        stub.recurring[str(index)] = stub.recurring[made.id] | {"recurring_run_id": str(index)}
    stub.page_size = 2
    last = replace(stub)
    assert list(stub.recurring) == [last.id]
    assert len(last.replaced) == 5


def test_schedules_of_other_names_stay(stub):
    other = replace(stub, plan=Plan("weekly", "0 0 2 * * 1"))
    replace(stub)
    replace(stub)
    assert other.id in stub.recurring
    assert len(stub.recurring) == 2


@pytest.mark.parametrize(
    "step", ["create_recurring_run", "upload_pipeline_version", "list_recurring_runs"]
)
def test_where_creation_fails_the_old_one_stays(stub, step):
    first = replace(stub)
    stub.failing = {step}
    with pytest.raises(BackendError, match=f"{step} failed"):
        replace(stub, make_package(sdkVersion="changed"))
    assert list(stub.recurring) == [first.id]
    assert stub.recurring[first.id]["status"] == "ENABLED"


def test_an_old_one_that_cannot_be_deleted_is_named(stub):
    first = replace(stub)
    stub.failing = {"delete_recurring_run"}
    with pytest.raises(ReplaceError, match=r"beside an old one.*Schedule it again"):
        replace(stub)
    assert stub.recurring[first.id]["status"] == "ENABLED"
    stub.failing = set()
    last = replace(stub)
    assert list(stub.recurring) == [last.id]


def test_an_old_backend_gets_neither_pipeline_nor_schedule(stub):
    stub.tag = "2.4.1"
    with pytest.raises(KubeflowError, match=r"needs 2\.5\.0"):
        replace(stub)
    assert (stub.pipelines, stub.recurring) == ({}, {})


def test_a_paused_schedule_stays_paused_when_it_is_replaced(stub):
    replace(stub)
    schedule.change(connect(stub), "nightly", "disable")
    made = replace(stub)
    assert made.paused
    assert stub.recurring[made.id]["status"] == "DISABLED"


def test_the_same_bytes_make_no_second_version(stub):
    client = connect(stub)
    replace(stub)
    changed = make_package(sdkVersion="changed")
    first = upload.upload(client, changed)
    assert upload.upload(client, changed) == first
    assert len(stub.pipelines) == 1
    assert len(stub.versions) == 2


def test_an_uploaded_change_leaves_the_schedule_at_its_version(stub):
    made = replace(stub)
    upload.upload(connect(stub), make_package(sdkVersion="changed"))
    [run] = stub.recurring.values()
    reference = run["pipeline_version_reference"]
    assert reference["pipeline_version_id"] == made.pipeline_version_id


def test_schedules_are_paused_resumed_and_deleted_by_name(stub):
    made = replace(stub)
    client = connect(stub)
    for operation, status in (("disable", "DISABLED"), ("enable", "ENABLED")):
        [changed] = schedule.change(client, "nightly", operation)
        assert changed.id == made.id
        assert stub.recurring[made.id]["status"] == status
    schedule.delete(client, "nightly")
    assert stub.recurring == {}
    assert len(stub.versions) == 1


def test_the_list_tells_what_is_paused(stub):
    replace(stub)
    replace(stub, plan=Plan("a", "0 0 2 * * 1"))
    client = connect(stub)
    schedule.change(client, "a", "disable")
    assert [(item.name, item.cron, item.paused) for item in schedule.every(client)] == [
        ("a", "0 0 2 * * 1", True),
        ("nightly", "0 0 2 * * *", False),
    ]


def test_a_schedule_without_cron_is_listed_too(stub):
    made = replace(stub)
    stub.recurring[made.id]["trigger"] = {"periodic_schedule": {"interval_second": "60"}}
    del stub.recurring[made.id]["pipeline_version_reference"]
    assert [(item.cron, item.pipeline_version_id) for item in schedule.every(connect(stub))] == [
        ("", "")
    ]


def test_a_name_that_is_not_there_lists_those_that_are(stub):
    with pytest.raises(ConfigError, match="no schedule 'x'; there is none at all"):
        schedule.delete(connect(stub), "x")
    replace(stub)
    with pytest.raises(ConfigError, match="no schedule 'x'; there is nightly"):
        schedule.change(connect(stub), "x", "enable")


def test_a_namespace_keeps_its_schedules(stub):
    stub.namespaces = {"alice"}
    client = connect(stub, namespace="alice")
    schedule.replace(client, make_package(), {}, NIGHTLY, experiment="photos")
    assert [item.name for item in schedule.every(client)] == ["nightly"]


def test_no_slot_starts_two_runs_while_one_replaces_another(stub):
    replace(stub)
    enabled = []

    def look(operation):
        enabled.append([run["status"] for run in stub.recurring.values()].count("ENABLED"))

    stub.before = look
    replace(stub)
    assert set(enabled) == {0, 1}


def test_the_first_upload_is_named_by_its_content_and_not_made_twice(stub):
    replace(stub)
    replace(stub)
    [version] = stub.versions.values()
    [pipeline] = stub.pipelines.values()
    assert version["display_name"].startswith(f"{pipeline['display_name']}-")
    assert len(stub.bodies("upload_pipeline_version")) == 1


@pytest.mark.parametrize("operation", ["create_pipeline", "upload_pipeline_version"])
def test_one_who_uploads_the_same_at_once_is_no_failure(stub, operation):
    client = connect(stub)

    def another(asked):
        if asked == operation:
            stub.before = lambda _: None
            upload.upload(connect(stub), make_package())

    stub.before = another
    assert upload.upload(client, make_package())[1] in stub.versions
    assert (len(stub.pipelines), len(stub.versions)) == (1, 1)


def state(stub):
    return [
        (run["trigger"]["cron_schedule"]["cron"], run["status"]) for run in stub.recurring.values()
    ]


@pytest.mark.parametrize(("paused", "a_second"), [(True, 1), (False, 3)])
def test_two_who_schedule_at_once_leave_one_whenever_the_second_comes(stub, paused, a_second):
    stub.creations_a_second = a_second
    steps = count_requests(stub, lambda: replace(stub))
    for step in range(steps):
        stub.recurring.clear()
        replace(stub)
        if paused:
            schedule.change(connect(stub), "nightly", "disable")
        left = step

        def another(operation):
            nonlocal left
            left -= 1
            if left < 0:
                stub.before = lambda _: None
                replace(stub, plan=Plan("nightly", "0 0 4 * * *"))

        stub.before = another
        told = ""
        try:
            replace(stub, plan=Plan("nightly", "0 0 3 * * *"))
        except ReplaceError as error:
            told = str(error)
        [(cron, status)] = state(stub)
        assert told == "" or "somebody else scheduled 'nightly' at the same time" in told
        assert cron == ("0 0 4 * * *" if told else "0 0 3 * * *")
        assert status == ("DISABLED" if paused else "ENABLED")


def count_requests(stub, action):
    asked = []
    stub.before = asked.append
    action()
    stub.before = lambda _: None
    return len(asked)


@pytest.mark.parametrize("seed", range(4))
def test_two_whose_requests_alternate_at_random_leave_one_that_is_on(stub, seed):
    if seed % 2:
        replace(stub)
    turns, turn = random.Random(seed), threading.Condition()
    running = {"a", "b"}
    next_one = "a"

    def wait():
        nonlocal next_one
        me = threading.current_thread().name
        with turn:
            turn.wait_for(lambda: next_one == me or next_one not in running, timeout=10)
            next_one = turns.choice("ab")
            turn.notify_all()

    clients = {name: connect(stub) for name in running}
    for client in clients.values():
        client._translated = lambda *a, ask=client._translated, **k: (wait(), ask(*a, **k))[1]
    ended = {}

    def go():
        name = threading.current_thread().name
        plan = Plan("nightly", f"0 {'ab'.index(name)} 3 * * *")
        try:
            made = schedule.replace(clients[name], make_package(), {}, plan, experiment="photos")
            ended[name] = made.id
        except ReplaceError as error:
            ended[name] = str(error)
        with turn:
            running.discard(name)
            turn.notify_all()

    threads = [threading.Thread(target=go, name=name) for name in sorted(running)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    [(_, status)] = state(stub)
    assert status == "ENABLED"
    [kept] = stub.recurring
    assert kept in ended.values()
    # Who was first may have ended before the other began to replace it.
    assert all("at the same time" in end for end in ended.values() if " " in end)


def replace_it(stub, **options):
    return replace(stub, plan=Plan("nightly", "0 0 3 * * *"), **options)


def delete_it(stub, **options):
    return schedule.delete(connect(stub), "nightly", **options)


either = pytest.mark.parametrize("change", [replace_it, delete_it])


@either
@pytest.mark.parametrize("tag", ["2.16.0", "2.17.1"])
def test_a_run_in_flight_goes_on_where_the_backend_lets_go_of_it(stub, change, tag):
    stub.tag = tag
    made = replace(stub)
    stub.start(made.id)
    change(stub)
    assert made.id not in stub.recurring
    assert stub.killed == []


@either
@pytest.mark.parametrize("tag", ["2.5.0", "2.15.2", "unknown", None])
@pytest.mark.parametrize("status", ["PENDING", "RUNNING"])
def test_elsewhere_a_schedule_with_a_run_in_flight_stays_unless_forced(stub, change, tag, status):
    stub.tag = tag
    made = replace(stub)
    run = stub.start(made.id, status)
    before = dict(stub.recurring)
    with pytest.raises(ActiveRunError, match=rf"run in flight.*{run}.*--force") as error:
        change(stub)
    assert error.value.exit_code == 2
    assert (stub.recurring, stub.killed) == (before, [])
    change(stub, force=True)
    assert made.id not in stub.recurring
    assert stub.killed == [run]


@either
def test_runs_that_have_ended_hold_nobody_up(stub, change):
    made = replace(stub)
    for status in ("SUCCEEDED", "FAILED", "CANCELED", "SKIPPED"):
        stub.start(made.id, status)
    stub.start("another schedule")
    change(stub)
    assert made.id not in stub.recurring


@either
def test_a_run_that_starts_after_the_first_look_is_not_killed_either(stub, change):
    made = replace(stub)

    def start(operation):
        if operation == "disable_recurring_run":
            stub.before = lambda _: None
            stub.start(made.id)

    stub.before = start
    with pytest.raises(ActiveRunError):
        change(stub)
    assert list(stub.recurring) == [made.id]
    assert stub.recurring[made.id]["status"] == "ENABLED"
    assert stub.killed == []


@pytest.mark.parametrize("tag", ["2.5.0", "2.16.0"])
def test_what_is_gone_already_is_deleted(stub, tag):
    stub.tag = tag
    replace(stub)

    def vanish(operation):
        if operation in ("disable_recurring_run", "delete_recurring_run"):
            stub.recurring.clear()

    stub.before = vanish
    schedule.delete(connect(stub), "nightly")


def test_a_schedule_that_cannot_be_enabled_says_how(stub):
    stub.failing = {"enable_recurring_run"}
    with pytest.raises(ReplaceError, match=r"maybe paused.*schedule resume nightly"):
        replace(stub)


def test_a_release_refuses_a_pipeline_with_fields_of_a_later_one(stub):
    executor = {"securityContext": {"runAsNonRoot": True}}
    deployment = {"deploymentSpec": {"executors": {"exec-trainer": executor}}}
    package = make_package({"platforms": {"kubernetes": deployment}})
    with pytest.raises(KubeflowError, match="securityContext"):
        replace(stub, package)
    stub.tag = "2.16.0"
    replace(stub, package)
