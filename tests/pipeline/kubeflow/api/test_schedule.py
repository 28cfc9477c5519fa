"""One schedule per name, which runs what it was made with."""

import datetime

import pytest

from bitpipe.errors import ConfigError
from pipeline.kubeflow.api import schedule
from pipeline.kubeflow.api.failures import BackendError, KubeflowError
from pipeline.kubeflow.api.schedule import Plan
from tests.pipeline.kubeflow.packages import connect, make_package

NIGHTLY = Plan("nightly", "0 0 2 * * *")

# The API package asks urllib3 for headers in a way that urllib3 advises against.
pytestmark = pytest.mark.filterwarnings("ignore:HTTPResponse.get:DeprecationWarning")


def replace(stub, package=None, plan=NIGHTLY, values=None, **options):
    package = package or make_package()
    return schedule.replace(
        connect(stub), package, values or {}, plan, experiment="photos", **options
    )


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
    assert (body["max_concurrency"], body["no_catchup"], body["mode"]) == ("1", True, "ENABLE")
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
    names = [name for name, _ in stub.requests]
    assert names.index("delete_recurring_run") > len(names) - 1 - names[::-1].index(
        "create_recurring_run"
    )


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
        replace(stub, make_package(description="changed"))
    assert list(stub.recurring) == [first.id]
    assert stub.recurring[first.id]["status"] == "ENABLED"


def test_an_old_one_that_cannot_be_deleted_is_named(stub):
    first = replace(stub)
    stub.failing = {"delete_recurring_run"}
    with pytest.raises(schedule.ReplaceError, match=f"{first.id}.*Schedule it again"):
        replace(stub)
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
    changed = make_package(description="changed")
    first = schedule.upload(client, changed)
    assert schedule.upload(client, changed) == first
    assert len(stub.pipelines) == 1
    assert len(stub.versions) == 2


def test_an_uploaded_change_leaves_the_schedule_at_its_version(stub):
    made = replace(stub)
    schedule.upload(connect(stub), make_package(description="changed"))
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
    schedule.change(client, "nightly", "delete")
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
        schedule.change(connect(stub), "x", "delete")
    replace(stub)
    with pytest.raises(ConfigError, match="no schedule 'x'; there is nightly"):
        schedule.change(connect(stub), "x", "delete")


def test_a_namespace_keeps_its_schedules(stub):
    stub.namespaces = {"alice"}
    client = connect(stub, namespace="alice")
    schedule.replace(client, make_package(), {}, NIGHTLY, experiment="photos")
    assert [item.name for item in schedule.every(client)] == ["nightly"]
