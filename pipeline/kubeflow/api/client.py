"""A connection to open-source Kubeflow Pipelines 2: who answers, in which version, and runs.

Uses the API package that `kfp.Client` is built on rather than that class: the class asks without a
time limit, tries a dead host for minutes, and hides what healthz tells about the version.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from bitpipe.errors import BitpipeError
from pipeline.kubeflow.api.connection import Connection, address
from pipeline.kubeflow.api.failures import (
    CONNECT_S,
    READ_S,
    Failures,
    KubeflowError,
    NotFoundError,
    PageError,
)
from pipeline.kubeflow.api.values import Value
from pipeline.kubeflow.package import Package

_PAGE_SIZE = 100


@dataclasses.dataclass(frozen=True)
class Submitted:
    """A run that Kubeflow has accepted."""

    run_id: str
    url: str


class Client:
    """Asks Kubeflow's v2beta1 API; every failure is one sentence.

    Attributes:
        namespace: sent with requests; empty on installations for one user.
        backend: the version as the backend tells it, for example `2.5.0`, `unknown` or empty.
    """

    def __init__(self, connection: Connection) -> None:
        """Connects.

        Raises:
            ConfigError: no host, or no token file.
            KubeflowError: no route, no access, another API or a wrong namespace.
            BackendError: the backend is ill.
        """
        import kfp_server_api
        import urllib3

        self.models = kfp_server_api
        self.host = address(connection.host)
        self._pages = address(connection.ui_host) if connection.ui_host else self.host
        self._has_token = bool(connection.token or connection.token_file)
        settings = kfp_server_api.Configuration()
        settings.host = self.host
        # Only what cannot have reached the server is tried again.
        settings.retries = urllib3.Retry(1, connect=1, read=0, status=0, other=0)
        if connection.ca_cert:
            settings.ssl_ca_cert = connection.ca_cert
        if self._has_token:
            settings.api_key_prefix["authorization"] = "Bearer"
            # Also tells the configuration that there is a token.
            settings.api_key["authorization"] = connection.token_now()
            settings.refresh_api_key_hook = lambda current: current.api_key.update(
                authorization=connection.token_now()
            )
        self._transport_error = urllib3.exceptions.HTTPError
        self._api = kfp_server_api.ApiClient(settings)
        self.namespace = connection.namespace
        health = self._health()
        # The pages' server, through which most people come in, has its own names.
        self.backend = str(health.get("tag_name") or health.get("apiServerTagName") or "")
        if not (health.get("multi_user") or health.get("apiServerMultiUser")):
            self.namespace = ""
        elif not self.namespace:
            raise KubeflowError(
                f"{self.host} serves several users: name your namespace with --namespace."
            )
        # healthz answers everyone; this does not.
        self.call("experiment", "list_experiments", page_size=1, **self.scope())

    def scope(self) -> dict[str, str]:
        """The keyword arguments that confine a list to the user's namespace."""
        return {"namespace": self.namespace} if self.namespace else {}

    def require_backend(self, minimum: str) -> None:
        """Refuses a backend older than `minimum`; one that does not tell its version passes.

        Raises:
            KubeflowError: it is too old.
        """
        version, needed = version_of(self.backend), version_of(minimum)
        if version is not None and needed is not None and version < needed:
            raise KubeflowError(
                f"{self.host} runs Kubeflow Pipelines {self.backend}; the pipeline needs "
                f"{minimum} or newer: upgrade the backend."
            )

    def is_at_least(self, version: str) -> bool:
        """Whether the backend says that it is of that version or newer."""
        own, wanted = version_of(self.backend), version_of(version)
        return own is not None and wanted is not None and own >= wanted

    def run_url(self, run_id: str) -> str:
        """The address of a run's page."""
        return f"{self._pages}/#/runs/details/{run_id}"

    def call(self, service: str, operation: str, *arguments: Any, **options: Any) -> Any:
        """One request, for example `call("run", "get_run", run_id)`.

        Raises:
            KubeflowError, BackendError: as the class says.
        """
        module = "PipelineUpload" if service == "upload" else service.title().replace("_", "")
        api = getattr(self.models, f"{module}ServiceApi")(self._api)
        # kfp 2.16's package names them after the service, 2.5's does not.
        method = getattr(api, f"{service}_service_{operation}", None) or getattr(api, operation)
        answer = self._translated(
            method, *arguments, _request_timeout=(CONNECT_S, READ_S), **options
        )
        headers = self._api.last_response.urllib3_response.headers
        if "html" in headers.get("Content-Type", ""):
            raise self._failures().login_page()
        return answer

    def named(self, service: str, operation: str, field: str, name: str) -> list[Any]:
        """All objects of a list operation whose display name is `name`."""
        predicate = {"operation": "EQUALS", "key": "display_name", "string_value": name}
        query = json.dumps({"predicates": [predicate]})
        return list(self.every(service, operation, field, filter=query, **self.scope()))

    def every(
        self, service: str, operation: str, field: str, *arguments: Any, **options: Any
    ) -> Iterator[Any]:
        """The objects of a list operation, page by page."""
        token = ""
        while True:
            page = self.call(
                service, operation, *arguments, page_size=_PAGE_SIZE, page_token=token, **options
            )
            yield from getattr(page, field) or ()
            token = page.next_page_token
            if not token:
                return

    def experiment_id(self, name: str) -> str:
        """The experiment of that name; made where it is missing."""
        found = self.named("experiment", "list_experiments", "experiments", name)
        if found:
            return found[0].experiment_id
        wanted = self.models.V2beta1Experiment(display_name=name, namespace=self.namespace or None)
        return self.call("experiment", "create_experiment", wanted).experiment_id

    def submit(
        self,
        package: Package,
        values: Mapping[str, Value],
        *,
        experiment: str,
        service_account: str = "",
        pipeline_root: str = "",
    ) -> Submitted:
        """Starts a run with the pipeline inline.

        Caching options stay as compiled: Kubeflow's own cache would not see new pictures.

        Args:
            package: what to run.
            values: the run's parameters, as `pipeline.kubeflow.api.values` checks them.
            experiment: its name; made where it is missing.
            service_account: of the tasks' pods; empty for the installation's.
            pipeline_root: where Kubeflow keeps its own outputs; empty for the installation's.
        """
        self.require_backend(package.manifest["minimum_backend"])
        now = datetime.datetime.now(datetime.timezone.utc)
        run = self.models.V2beta1Run(
            display_name=f"{package.name} {now:%Y-%m-%d %H:%M:%S}",
            experiment_id=self.experiment_id(experiment),
            pipeline_spec=(
                {"pipeline_spec": package.pipeline_spec, "platform_spec": package.platform_spec}
                if package.platform_spec
                else package.pipeline_spec
            ),
            runtime_config=self.runtime_config(values, pipeline_root),
            service_account=service_account or None,
        )
        run_id = self.call("run", "create_run", run).run_id
        return Submitted(run_id, self.run_url(run_id))

    def runtime_config(self, values: Mapping[str, Value], pipeline_root: str) -> Any:
        """The parameters of a run as the API takes them."""
        return self.models.V2beta1RuntimeConfig(
            parameters=dict(values), pipeline_root=pipeline_root or None
        )

    def _health(self) -> dict[str, Any]:
        try:
            return self._get("/apis/v2beta1/healthz")
        except (NotFoundError, PageError) as error:
            refusal = error
        try:
            version = self._get("/apis/v1beta1/healthz").get("tag_name") or "1"
        except BitpipeError:
            if isinstance(refusal, PageError):
                raise refusal from None
            raise KubeflowError(
                f"{self.host} has no Kubeflow Pipelines API (404): check the address's path; "
                "behind Kubeflow's dashboard it ends in /pipeline."
            ) from None
        raise KubeflowError(
            f"{self.host} runs Kubeflow Pipelines {version}, which has the v1beta1 API only: "
            "upgrade the backend to version 2."
        )

    def delete(self, path: str, **query: str) -> None:
        """A plain DELETE, for options that the API package may be too old for.

        Raises:
            KubeflowError, BackendError: as the class says.
        """
        self._request("DELETE", path, query)

    def _get(self, path: str) -> dict[str, Any]:
        """A plain GET: the package's model of healthz drops the version."""
        return self._request("GET", path, {})

    def _request(self, verb: str, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        answer = self._translated(
            self._api.call_api,
            path,
            verb,
            query_params=list(query.items()),
            header_params={"Accept": "application/json"},
            auth_settings=["Bearer"],
            _preload_content=False,
            _request_timeout=(CONNECT_S, READ_S),
        )
        try:
            data = json.loads(answer.data)
        except ValueError:
            data = None
        if not isinstance(data, dict):
            raise self._failures().login_page()
        return data

    def _failures(self) -> Failures:
        return Failures(self.host, self.namespace, self._has_token)

    def _translated(self, method: Any, *arguments: Any, **options: Any) -> Any:
        try:
            return method(*arguments, **options)
        except self.models.ApiException as error:
            raise self._failures().refusal(error) from None
        except self._transport_error as error:
            raise self._failures().no_route(error) from None


def version_of(text: str) -> tuple[int, int, int] | None:
    """`2.5.0` or `v2.5.0-rc.1` as numbers; `None` for `unknown`, `master`, a commit."""
    found = re.match(r"v?(\d+)\.(\d+)(?:\.(\d+))?", text)
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else None
