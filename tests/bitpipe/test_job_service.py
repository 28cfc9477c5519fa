"""Beam's job service: what is said where it is not there, or gives up."""

import concurrent.futures
import contextlib
import socket

import grpc
import pytest

from bitpipe import job_service
from bitpipe.errors import JobServiceError


@contextlib.contextmanager
def answering(code=None, details=""):
    """A gRPC server on this machine; what a call to it raises, and its address."""
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(1))

    def answer(_, context):
        context.abort(code, details)

    handler = grpc.unary_unary_rpc_method_handler(answer)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("jobs", {"Run": handler}),)
    )
    endpoint = f"localhost:{server.add_insecure_port('localhost:0')}"
    server.start()
    with grpc.insecure_channel(endpoint) as channel:
        yield endpoint, channel.unary_unary("/jobs/Run")
    server.stop(None).wait()


def raised_with(code, details):
    with answering(code, details) as (endpoint, call):
        with pytest.raises(grpc.RpcError) as raised:
            call(b"", timeout=20)
        return raised.value, [f"--job_endpoint={endpoint}"]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (grpc.StatusCode.DEADLINE_EXCEEDED, "had not ended after 300 s, which is --job_server"),
        (grpc.StatusCode.UNAVAILABLE, r"is gone \(in words\)\. Its log tells why; start it"),
        (grpc.StatusCode.INTERNAL, r"has answered INTERNAL \(in words\)"),
    ],
)
def test_what_a_job_service_says_by_codes_is_told_in_a_sentence(code, words):
    error, options = raised_with(code, "in words")
    around = RuntimeError("Beam's own")
    around.__cause__ = error

    with pytest.raises(JobServiceError, match=words):
        raise job_service.explained(around, options)


def test_the_time_that_was_given_is_named():
    error, options = raised_with(grpc.StatusCode.DEADLINE_EXCEEDED, "late")
    told = job_service.explained(error, [*options, "--job_server_timeout=20"])

    assert "after 20 s" in str(told)


def test_what_listens_but_is_no_job_service_is_told():
    told = job_service.explained(grpc.FutureTimeoutError(), ["--job_endpoint=jobs:1"])

    assert "What listens at jobs:1 does not answer" in str(told)


@pytest.mark.parametrize("options", [[], ["--runner=FnApiRunner"], ["--job_endpoint=embed"]])
def test_without_a_job_service_nothing_is_looked_for_or_explained(options):
    job_service.require(options)

    assert job_service.explained(grpc.FutureTimeoutError(), options) is None


def test_another_error_is_left_alone():
    assert job_service.explained(ValueError("mine"), ["--job_endpoint=jobs:1"]) is None


def test_an_address_where_nothing_listens_is_told_at_once():
    with socket.socket() as unused:
        unused.bind(("localhost", 0))
        endpoint = f"localhost:{unused.getsockname()[1]}"
    with pytest.raises(JobServiceError, match=f"at {endpoint}. Received: no connection"):
        job_service.require([f"--job_endpoint={endpoint}"])


def test_an_address_where_something_listens_will_do():
    with answering() as (endpoint, _):
        job_service.require([f"--job_endpoint={endpoint}"])
