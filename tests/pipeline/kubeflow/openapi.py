"""Kubeflow Pipelines' v2beta1 operations, and the types of what goes back and forth.

Read from the API package that is installed (`kfp_server_api`, generated from Kubeflow's OpenAPI).
"""

import datetime
import inspect
import re

import kfp_server_api

_PRIMITIVES = {"str": str, "int": int, "bool": bool, "float": (int, float), "object": object}
_SERVICES = ("Experiment", "Pipeline", "PipelineUpload", "RecurringRun", "Run")


class Refused(Exception):
    """An answer that is not 200; the code is gRPC's, as Kubeflow's gateway sends it."""

    def __init__(self, status, message, code=3):
        super().__init__(message)
        self.status, self.message, self.code = status, message, code


def check(value, kind, where="body"):
    """Refuses what the OpenAPI type `kind` does not allow."""

    def wrong():
        return Refused(400, f"{where}: {kind} expected, received {value!r}")

    if value is None:
        raise wrong()
    if kind.startswith("list["):
        if not isinstance(value, list):
            raise wrong()
        for index, item in enumerate(value):
            check(item, kind[5:-1], f"{where}[{index}]")
    elif kind.startswith("dict("):
        if not isinstance(value, dict):
            raise wrong()
        for key, item in value.items():
            check(item, kind.partition(", ")[2][:-1], f"{where}.{key}")
    elif kind == "datetime":
        try:
            moment = datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
        except (AttributeError, ValueError):
            raise wrong() from None
        if moment.tzinfo is None:
            raise wrong()
    elif kind in _PRIMITIVES:
        is_number_for_bool = isinstance(value, bool) and kind in ("int", "float")
        if not isinstance(value, _PRIMITIVES[kind]) or is_number_for_bool:
            raise wrong()
    else:
        _check_model(value, getattr(kfp_server_api, kind), where, wrong)


def _check_model(value, model, where, wrong):
    if not model.openapi_types:
        if value not in model.allowable_values:
            raise wrong()
        return
    if not isinstance(value, dict):
        raise wrong()
    types = {model.attribute_map[name]: kind for name, kind in model.openapi_types.items()}
    for key, item in value.items():
        if key not in types:
            raise Refused(400, f"{where}: unknown field {key!r}")
        check(item, types[key], f"{where}.{key}")


class Operation:
    """One entry of the OpenAPI, read from the method that the generator made of it."""

    def __init__(self, name, method):
        source, text = inspect.getsource(method), method.__doc__
        [(self.path, self.verb)] = re.findall(r"'(/apis/[^']+)', '(\w+)'", source)
        self.name = name.removesuffix("_with_http_info").partition("_service_")[2] or (
            name.removesuffix("_with_http_info")
        )
        self.answer = re.findall(r"response_type='([^']+)'", source)[0]
        kinds = dict(re.findall(r":type (\w+): (\w+)", text))
        self.query = set(re.findall(r"query_params\.append\(\('(\w+)'", source))
        bodies = [kind for kind in kinds.values() if kind.startswith("V2beta1")]
        self.body = bodies[0] if bodies else None
        pattern = re.sub(r"\\{[\w.\\]+\\}", "([^/:]+)", re.escape(self.path))
        self.pattern = re.compile(pattern)


def _operations():
    for service in _SERVICES:
        api = getattr(kfp_server_api, f"{service}ServiceApi")
        for name, method in inspect.getmembers(api, inspect.isfunction):
            if name.endswith("_with_http_info"):
                yield Operation(name, method)


# Fixed paths first: `pipelines/upload` is not the pipeline named upload.
OPERATIONS = sorted(_operations(), key=lambda operation: operation.path.count("{"))
