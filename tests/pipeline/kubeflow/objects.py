"""What a Kubeflow Pipelines holds: experiments, pipelines, runs and schedules."""

import datetime
import itertools
import json
import math
import uuid

import yaml
from google.protobuf import json_format

from pipeline.kubeflow.api.client import version_of
from tests.pipeline.kubeflow import messages
from tests.pipeline.kubeflow.openapi import Refused, check

IN_FLIGHT = ("PENDING", "RUNNING")


class Objects:
    """What Kubeflow holds, and its operations on it; their names are the API's.

    Attributes:
        tag: the version that healthz tells, whose fields and habits these are; `None` for none.
        namespaces: of an installation for several users; `None` for one of one user.
        page_size: the most objects in one answer.
        story: answers to successive looks at a run: (state, {task: state}); the last one stays.
        experiments, pipelines, versions, runs, recurring: what it holds, by identifier.
        creations_a_second: how many schedules get the same time of creation.
        killed: identifiers of runs in flight that went with their schedule.
    """

    def __init__(self):
        self.tag, self.namespaces, self.page_size = "2.5.0", None, 200
        self.story = [("SUCCEEDED", {})]
        self.experiments, self.pipelines, self.versions = {}, {}, {}
        self.runs, self.recurring, self.killed = {}, {}, []
        self.creations_a_second, self._creations, self._slept = 1, itertools.count(), 0

    def sleep(self, seconds):
        """Lets time pass here, and nowhere else."""
        self._slept += math.ceil(seconds)

    def _in_namespace(self, namespace):
        if self.namespaces is None:
            return
        if not namespace:
            raise Refused(400, "A resource cannot have an empty namespace in multi-user mode")
        if namespace not in self.namespaces:
            raise Refused(403, f"User is not authorized to list in namespace {namespace}.", 7)

    def _list(self, field, objects, filter="", page_size="10", page_token="", **_):
        chosen = list(objects)
        if filter:
            question = json.loads(filter)
            check(question, "V2beta1Filter", "filter")
            for predicate in question["predicates"]:
                key, wanted = predicate["key"], predicate["string_value"]
                if key not in ("display_name", "recurring_run_id", "state"):
                    raise Refused(400, f"no support for filtering on unrecognized field {key!r}")
                equal = {"EQUALS": True, "NOT_EQUALS": False}[predicate["operation"]]
                chosen = [item for item in chosen if (item.get(key) == wanted) == equal]
        start, size = int(page_token or 0), min(int(page_size), self.page_size)
        page = {field: chosen[start : start + size], "total_size": len(chosen)}
        if start + size < len(chosen):
            page["next_page_token"] = str(start + size)
        return page

    @staticmethod
    def _get(objects, key):
        if key not in objects:
            raise Refused(404, f"ResourceNotFoundError: {key} not found.", 5)
        return objects[key]

    def list_experiments(self, namespace="", **paging):
        self._in_namespace(namespace)
        return self._list("experiments", self.experiments.values(), **paging)

    def create_experiment(self, body):
        self._in_namespace(body.get("namespace"))
        made = body | {"experiment_id": _id()}
        self.experiments[made["experiment_id"]] = made
        return made

    def list_pipelines(self, namespace="", **paging):
        self._in_namespace(namespace)
        return self._list("pipelines", self.pipelines.values(), **paging)

    def create_pipeline(self, body):
        self._in_namespace(body.get("namespace"))
        name = body["display_name"]
        if any(known["display_name"] == name for known in self.pipelines.values()):
            raise Refused(409, f"AlreadyExist: the pipeline {name} exists.", 6)
        made = body | {"pipeline_id": _id()}
        self.pipelines[made["pipeline_id"]] = made
        return made

    def upload_pipeline_version(self, uploadfile, name="", pipelineid="", **_):
        self._get(self.pipelines, pipelineid)
        if any(
            (known["pipeline_id"], known["display_name"]) == (pipelineid, name)
            for known in self.versions.values()
        ):
            raise Refused(409, f"AlreadyExist: the version {name} exists.", 6)
        made = {"pipeline_id": pipelineid, "pipeline_version_id": _id(), "display_name": name}
        made["pipeline_spec"] = self._spec_of(uploadfile)
        self.versions[made["pipeline_version_id"]] = made
        return made

    def list_pipeline_versions(self, pipeline_id, **paging):
        mine = [item for item in self.versions.values() if item["pipeline_id"] == pipeline_id]
        return self._list("pipeline_versions", mine, **paging)

    def create_run(self, body, **_):
        _require(body, "display_name", "pipeline_spec")
        self._get(self.experiments, body.get("experiment_id"))
        self._check_spec(body["pipeline_spec"])
        made = body | {"run_id": _id(), "state": "PENDING"}
        self.runs[made["run_id"]] = made | {"looks": 0}
        return made

    def start(self, recurring_run_id, state="RUNNING"):
        """A run of a schedule, as at its time."""
        run = {"run_id": _id(), "display_name": "slot", "recurring_run_id": recurring_run_id}
        self.runs[run["run_id"]] = run | {"state": state, "looks": 0}
        return run["run_id"]

    def list_runs(self, namespace="", **paging):
        self._in_namespace(namespace)
        shown = [{k: v for k, v in run.items() if k != "looks"} for run in self.runs.values()]
        return self._list("runs", shown, **paging)

    def get_run(self, run_id, **_):
        run = self._get(self.runs, run_id)
        state, tasks = self.story[min(run["looks"], len(self.story) - 1)]
        run["looks"] += 1
        details = [_detail(run_id, name, told) for name, told in tasks.items()]
        shown = {key: value for key, value in run.items() if key != "looks"}
        return shown | {"state": state, "run_details": {"task_details": details}}

    def create_recurring_run(self, body):
        _require(
            body, "display_name", "trigger", "mode", "max_concurrency", "pipeline_version_reference"
        )
        self._get(self.experiments, body.get("experiment_id"))
        reference = body["pipeline_version_reference"]
        version = self._get(self.versions, reference.get("pipeline_version_id"))
        if version["pipeline_id"] != reference.get("pipeline_id"):
            raise Refused(400, "the version is of another pipeline")
        if not 1 <= int(body["max_concurrency"]) <= 10:
            raise Refused(400, "The max concurrency must be between 1 and 10.")
        if len(body["trigger"]["cron_schedule"]["cron"].split()) != 6:
            raise Refused(400, "the stub takes schedules of six fields, seconds first")
        status = "ENABLED" if body["mode"] == "ENABLE" else "DISABLED"
        made = body | {"recurring_run_id": _id(), "status": status}
        second = next(self._creations) // self.creations_a_second + self._slept
        created = datetime.datetime.fromtimestamp(second, datetime.timezone.utc)
        made["created_at"] = created.isoformat()
        self.recurring[made["recurring_run_id"]] = made
        return made

    def list_recurring_runs(self, namespace="", **paging):
        self._in_namespace(namespace)
        return self._list("recurringRuns", self.recurring.values(), **paging)

    def disable_recurring_run(self, recurring_run_id):
        self._get(self.recurring, recurring_run_id)["status"] = "DISABLED"
        return {}

    def enable_recurring_run(self, recurring_run_id):
        self._get(self.recurring, recurring_run_id)["status"] = "ENABLED"
        return {}

    def delete_recurring_run(self, recurring_run_id, propagation_policy=""):
        self._get(self.recurring, recurring_run_id)
        del self.recurring[recurring_run_id]
        # What an older backend does not know of a query it ignores.
        knows = version_of(self.tag or "") and version_of(self.tag) >= (2, 16, 0)
        if not (knows and propagation_policy == "ORPHAN"):
            for run_id, run in list(self.runs.items()):
                mine = run.get("recurring_run_id") == recurring_run_id
                if mine and run["state"] in IN_FLIGHT:
                    self.killed.append(run_id)
        return {}

    def _spec_of(self, text):
        documents = list(yaml.safe_load_all(text))
        if len(documents) > 1:
            both = {"pipeline_spec": documents[0], "platform_spec": documents[1]}
            return self._check_spec(both)
        return self._check_spec(documents[0])

    def _check_spec(self, spec):
        inner = spec.get("pipeline_spec", spec)
        if inner.get("schemaVersion") != "2.1.0" or "root" not in inner:
            raise Refused(400, "Invalid input error: not a pipeline spec of schema 2.1.0")
        try:
            messages.check_pipeline(self._release(), inner, spec.get("platform_spec"))
        except json_format.ParseError as error:
            raise Refused(400, f"Invalid input error: {error}") from None
        return spec

    def _release(self):
        """The newest release that is not newer than the tag; of no tag, the newest."""
        told = version_of(self.tag or "")
        known = [r for r in messages.RELEASES if told is None or version_of(r) <= told]
        return (known or messages.RELEASES)[-1]


def _id():
    return str(uuid.uuid4())


def _require(body, *names):
    for name in names:
        if not body.get(name):
            raise Refused(400, f"Invalid input error: {name} must not be empty")


def _detail(run_id, name, told):
    """A task's state, or its state and the seconds it took; `None` for one without a start."""
    state, seconds = told if isinstance(told, tuple) else (told, 0)
    start = datetime.datetime(2030, 1, 1, 2, tzinfo=datetime.timezone.utc)
    end = start + datetime.timedelta(seconds=seconds) if seconds else None
    if seconds is None:
        start = datetime.datetime.fromtimestamp(0, datetime.timezone.utc)
    return {
        "run_id": run_id,
        "display_name": name,
        "state": state,
        "start_time": start.isoformat(),
        # What Kubeflow writes where it has no time.
        "end_time": end.isoformat() if end else "1970-01-01T00:00:00Z",
    }
