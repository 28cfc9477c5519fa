"""What a Kubeflow Pipelines holds: experiments, pipelines, runs and schedules."""

import datetime
import json
import uuid

import yaml

from tests.pipeline.kubeflow.openapi import Refused, check


class Objects:
    """What Kubeflow holds, and its operations on it; their names are the API's.

    Attributes:
        namespaces: of an installation for several users; `None` for one of one user.
        page_size: the most objects in one answer.
        story: answers to successive looks at a run: (state, {task: state}); the last one stays.
        experiments, pipelines, versions, runs, recurring: what it holds, by identifier.
    """

    def __init__(self):
        self.namespaces, self.page_size = None, 200
        self.story = [("SUCCEEDED", {})]
        self.experiments, self.pipelines, self.versions = {}, {}, {}
        self.runs, self.recurring = {}, {}

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
                if (predicate["operation"], predicate["key"]) != ("EQUALS", "display_name"):
                    raise Refused(400, f"this stub does not filter by {predicate}")
                wanted = predicate["string_value"]
                chosen = [item for item in chosen if item["display_name"] == wanted]
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

    def upload_pipeline(self, uploadfile, name="", namespace="", **_):
        self._in_namespace(namespace)
        if any(known["display_name"] == name for known in self.pipelines.values()):
            raise Refused(409, f"AlreadyExist: the pipeline {name} exists.", 6)
        made = {"pipeline_id": _id(), "display_name": name}
        self.pipelines[made["pipeline_id"]] = made
        self.upload_pipeline_version(uploadfile, name=name, pipelineid=made["pipeline_id"])
        return made

    def upload_pipeline_version(self, uploadfile, name="", pipelineid="", **_):
        self._get(self.pipelines, pipelineid)
        if any(
            (known["pipeline_id"], known["display_name"]) == (pipelineid, name)
            for known in self.versions.values()
        ):
            raise Refused(409, f"AlreadyExist: the version {name} exists.", 6)
        made = {"pipeline_id": pipelineid, "pipeline_version_id": _id(), "display_name": name}
        made["pipeline_spec"] = _spec_of(uploadfile)
        self.versions[made["pipeline_version_id"]] = made
        return made

    def list_pipeline_versions(self, pipeline_id, **paging):
        mine = [item for item in self.versions.values() if item["pipeline_id"] == pipeline_id]
        return self._list("pipeline_versions", mine, **paging)

    def create_run(self, body, **_):
        _require(body, "display_name", "pipeline_spec")
        self._get(self.experiments, body.get("experiment_id"))
        _check_spec(body["pipeline_spec"])
        made = body | {"run_id": _id(), "state": "PENDING"}
        self.runs[made["run_id"]] = made | {"looks": 0}
        return made

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

    def delete_recurring_run(self, recurring_run_id, **_):
        self._get(self.recurring, recurring_run_id)
        del self.recurring[recurring_run_id]
        return {}


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


def _spec_of(text):
    documents = list(yaml.safe_load_all(text))
    if len(documents) > 1:
        return _check_spec({"pipeline_spec": documents[0], "platform_spec": documents[1]})
    return _check_spec(documents[0])


def _check_spec(spec):
    inner = spec.get("pipeline_spec", spec)
    if inner.get("schemaVersion") != "2.1.0" or "root" not in inner:
        raise Refused(400, "Invalid input error: not a pipeline spec of schema 2.1.0")
    return spec
