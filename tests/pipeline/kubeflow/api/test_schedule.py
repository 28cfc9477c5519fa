"""One schedule per name, which runs what it was made with; cron means what people mean."""

import datetime
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitpipe.errors import BitpipeError, ConfigError
from pipeline.kubeflow.api import schedule
from pipeline.kubeflow.api.cron import kubeflow_fields
from pipeline.kubeflow.api.failures import BackendError, KubeflowError
from pipeline.kubeflow.api.schedule import Plan
from tests.pipeline.kubeflow.api.test_client import connect, make_package
from tests.pipeline.kubeflow.stub import Stub

NIGHTLY = Plan("nightly", "0 0 2 * * *")

# The API package asks urllib3 for headers in a way that urllib3 advises against.
pytestmark = pytest.mark.filterwarnings("ignore:HTTPResponse.get:DeprecationWarning")


@pytest.fixture
def stub():
    with Stub() as running:
        yield running


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
