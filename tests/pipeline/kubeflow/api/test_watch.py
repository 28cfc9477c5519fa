"""A run is shown as it goes, and ends with the exit code of `bitpipe run`."""

import pytest

from pipeline.kubeflow.api import watch
from pipeline.kubeflow.api.failures import KubeflowError
from tests.pipeline.kubeflow.packages import connect, make_package

TASKS = ["trainer", "pusher", "gate"]
DONE = {"trainer": ("SUCCEEDED", 60), "pusher": ("SUCCEEDED", 2), "gate": ("SUCCEEDED", 1)}

# The API package asks urllib3 for headers in a way that urllib3 advises against.
pytestmark = pytest.mark.filterwarnings("ignore:HTTPResponse.get:DeprecationWarning")


class Clock:
    """Time that passes only when someone sleeps."""

    def __init__(self, every=lambda: None):
        self.now, self._every = 0.0, every

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        self._every()


def follow(stub, clock=None, **options):
    client = connect(stub)
    run = client.submit(make_package(), {}, experiment="e")
    lines = []
    clock = clock or Clock()
    ended = watch.follow(
        client, run, TASKS, show=lines.append, sleep=clock.sleep, clock=clock, **options
    )
    return ended, lines


def test_the_names_are_those_of_the_tasks_in_the_specification():
    assert watch.task_names(make_package()) == TASKS


def test_each_stage_is_told_once_when_it_starts_and_once_when_it_ends(stub):
    stub.story = [
        ("PENDING", {}),
        ("RUNNING", {"root": "RUNNING", "trainer": "PENDING"}),
        ("RUNNING", {"root": "RUNNING", "trainer": "RUNNING", "executor": "RUNNING"}),
        ("RUNNING", {"trainer": "RUNNING", "trainer-driver": "SUCCEEDED"}),
        ("RUNNING", {"trainer": ("SUCCEEDED", 754), "pusher": "RUNNING"}),
        ("SUCCEEDED", DONE | {"trainer": ("SUCCEEDED", 754)}),
    ]
    ended, lines = follow(stub)
    assert [line.split() for line in lines] == [
        [">", "trainer", "running"],
        ["✓", "trainer", "754", "s"],
        [">", "pusher", "running"],
        ["✓", "pusher", "2", "s"],
        ["✓", "gate", "1", "s"],
    ]
    assert ended == watch.Ended("SUCCEEDED", (), 0)


@pytest.mark.parametrize(
    ("state", "tasks", "code", "verdict"),
    [
        ("SUCCEEDED", DONE, 0, "was pushed, or is already in service"),
        ("FAILED", DONE | {"gate": "FAILED"}, 3, "was not blessed and nothing was pushed"),
        ("FAILED", DONE | {"gate": "FAILED", "root": "FAILED"}, 3, "was not blessed"),
        ("FAILED", {"trainer": "FAILED"}, 1, "failed in trainer"),
        ("FAILED", {"trainer": "FAILED", "gate": "FAILED"}, 1, "failed in trainer, gate"),
        ("FAILED", {"gate-driver": "FAILED"}, 1, "failed in gate-driver"),
        ("FAILED", {"trainer": "FAILED", "trainer-driver": "FAILED"}, 1, "failed in trainer"),
        ("FAILED", {}, 1, "the run failed:"),
        ("CANCELED", DONE | {"pusher": "CANCELED"}, 1, "the run cancelled"),
        ("CANCELED", DONE | {"gate": "FAILED"}, 1, "the run cancelled"),
        ("SKIPPED", {}, 1, "the run skipped"),
    ],
)
def test_the_exit_code_is_that_of_bitpipe_run(stub, state, tasks, code, verdict):
    stub.story = [(state, tasks)]
    ended, _ = follow(stub)
    assert ended.exit_code == code
    assert verdict in watch.verdict(ended, "http://kubeflow/run")


@pytest.mark.parametrize("told", ["SUCCEEDED", ("SUCCEEDED", None)])
def test_a_task_without_times_is_done(stub, told):
    stub.story = [("SUCCEEDED", {"trainer": told})]
    _, [line] = follow(stub)
    assert line.split() == ["✓", "trainer", "done"]


@pytest.mark.parametrize(
    ("tasks", "waits"),
    [
        ({}, "Kubeflow, which has started no task yet"),
        ({"trainer": "RUNNING", "executor": "RUNNING"}, "trainer"),
        ({"trainer": "RUNNING", "executor(0)": "PENDING"}, "a node or an image for trainer"),
        (
            {"trainer": "RUNNING", "pusher-driver": "PENDING"},
            "a node or an image for pusher, trainer",
        ),
    ],
)
def test_the_time_may_end_before_the_run_does(stub, tasks, waits):
    stub.story = [("RUNNING", tasks)]
    clock = Clock()
    said = rf"within 60 s \(it waits for {waits}\); it goes on: http.*/#/runs/details/"
    with pytest.raises(watch.WatchError, match=said):
        follow(stub, clock, timeout_s=60)
    assert clock.now <= 60


@pytest.mark.parametrize(
    ("tasks", "said"),
    [
        ({"trainer": "RUNNING", "executor": "PENDING"}, "a node or an image for trainer"),
        ({"pusher-driver": "PENDING"}, "a node or an image for pusher"),
        ({"executor": "PENDING"}, "a node or an image for the run"),
        ({}, "Kubeflow, which has started no task yet"),
    ],
)
def test_what_a_run_waits_for_is_told_once(stub, tasks, said):
    waiting = ("RUNNING", tasks)
    stub.story = [*[waiting] * 100, ("SUCCEEDED", DONE)]
    _, lines = follow(stub)
    [line] = [line for line in lines if line.startswith(".")]
    [run_id] = stub.runs
    assert f"has waited 120 s for {said};" in line
    assert line.endswith(f"--selector pipeline/runid={run_id}")


def test_a_pod_that_soon_finds_its_node_is_no_news(stub):
    waiting = ("RUNNING", {"trainer": "RUNNING", "executor": "PENDING"})
    working = ("RUNNING", {"trainer": "RUNNING", "executor": "RUNNING"})
    stub.story = [*([waiting] * 20 + [working]) * 3, ("SUCCEEDED", DONE)]
    _, lines = follow(stub)
    assert not [line for line in lines if line.startswith(".")]


def test_a_backend_that_restarts_does_not_end_the_watch(stub):
    stub.story = [("RUNNING", {})]
    clock = Clock()

    def restart():
        stub.mode = "broken" if clock.now < 4 * watch.POLL_S else ""
        stub.story = [("SUCCEEDED", DONE)]

    clock._every = restart
    ended, _ = follow(stub, clock)
    assert ended.exit_code == 0
    assert clock.now >= 4 * watch.POLL_S


def test_a_backend_that_stays_away_ends_the_watch_but_not_the_run(stub):
    stub.story = [("RUNNING", {})]
    clock = Clock(lambda: setattr(stub, "mode", "broken"))
    with pytest.raises(watch.WatchError, match=r"\(503\).*The run goes on: http") as error:
        follow(stub, clock)
    assert error.value.exit_code == 1
    assert clock.now < 60


def test_lost_access_is_told_at_once(stub):
    stub.story = [("RUNNING", {})]
    clock = Clock(lambda: setattr(stub, "token", "s3cret"))
    with pytest.raises(KubeflowError, match="401"):
        follow(stub, clock)
    assert clock.now == watch.POLL_S
