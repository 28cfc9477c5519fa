"""Malformed requests: reproducible, of every kind, and judged by their codes."""

import hashlib
import json
import math
import os
import random
import subprocess
import sys
from collections import Counter

import pytest

from benchmarks.serving import damage, junk, payloads
from benchmarks.serving.junk import GRPC, KINDS, REST, Junk

MODEL = "tiny"
COUNT = 1_500

# Another process, as it is when an offender of a report is looked at later.
ELSEWHERE = f"""
import hashlib, json
from benchmarks.serving import junk
made = [junk.make(5, number, {MODEL!r}) for number in range(400)]
print(json.dumps([hashlib.sha256(repr(request).encode()).hexdigest() for request in made]))
"""


@pytest.fixture(scope="module")
def made():
    return [junk.make(0, number, MODEL) for number in range(COUNT)]


def of_kind(requests, *kinds):
    found = [request for request in requests if request.kind in kinds]
    assert found
    return found


def test_seed_and_number_make_the_same_request_again(made):
    assert junk.make(0, 17, MODEL) == made[17]
    assert [request.number for request in made] == list(range(COUNT))


def test_another_process_makes_the_same_requests():
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE],
        env={**os.environ, "PYTHONHASHSEED": "12345"},
        capture_output=True,
        check=True,
        timeout=60,
    )
    here = [junk.make(5, number, MODEL) for number in range(400)]
    digests = [hashlib.sha256(repr(request).encode()).hexdigest() for request in here]
    assert json.loads(done.stdout) == digests


def test_other_numbers_and_other_seeds_make_other_requests(made):
    # A few kinds have a handful of variants only.
    assert len({request.data for request in made}) > 0.8 * COUNT
    same = sum(junk.make(1, number, MODEL).data == made[number].data for number in range(100))
    assert same < 5


def test_every_kind_is_as_frequent_as_its_weight(made):
    total = sum(weight for weight, _ in KINDS.values())
    found = Counter(request.kind for request in made)
    assert set(found) == set(KINDS)
    for kind, (weight, _) in KINDS.items():
        expected = COUNT * weight / total
        assert abs(found[kind] - expected) < 4 * math.sqrt(expected)


def test_most_requests_are_made_for_the_model_under_test(made):
    named = [request for request in made if MODEL.encode() in request.data]
    assert len(named) > 0.6 * COUNT


def test_protos_are_calls_with_a_method(made):
    kinds = ("protos, mutated bytes", "protos, wrong fields", "broken pictures")
    for request in of_kind(made, *kinds, "decompression bombs"):
        assert (request.port, request.method) == (GRPC, payloads.PREDICT)
    methods = {request.method for request in of_kind(made, "other gRPC calls")}
    known = {payloads.METADATA, payloads.STATUS, payloads.CLASSIFY, payloads.RELOAD}
    assert known < methods


def test_wrong_fields_are_still_messages_and_name_wrong_things(made):
    requests = of_kind(made, "protos, wrong fields")
    messages = [payloads.PredictRequest.FromString(request.data) for request in requests]
    assert len({m.model_spec.name for m in messages}) > 4
    assert {len(m.inputs) for m in messages} >= {0, 1, 2}
    tensors = [tensor for m in messages for tensor in m.inputs.values()]
    assert {payloads.STRING, 999} < {tensor.dtype for tensor in tensors}
    assert any(dim.size < 0 for tensor in tensors for dim in tensor.tensor_shape.dim)
    assert max(len(tensor.tensor_shape.dim) for tensor in tensors) >= 300


@pytest.mark.filterwarnings("ignore:Unexpected end-group tag")
def test_mutated_protos_are_mostly_no_messages_any_more_and_sometimes_are(made):
    def parses(data):
        try:
            payloads.PredictRequest.FromString(data)
        except Exception:  # protobuf's, whose module depends on its version
            return False
        return True

    parsed = [parses(request.data) for request in of_kind(made, "protos, mutated bytes")]
    assert 0.05 < sum(parsed) / len(parsed) < 0.95


def test_bombs_are_sent_as_pictures(made):
    for request in of_kind(made, "decompression bombs"):
        [data] = payloads.PredictRequest.FromString(request.data).inputs["image"].string_val
        assert data[:2] in (b"\x89P", b"\xff\xd8", b"GI", b"BM")


def test_http_requests_are_well_formed_but_for_their_body(made):
    for request in of_kind(made, "JSON", "broken pictures, JSON", "HTTP paths and methods"):
        assert (request.port, request.method, request.incomplete) == (REST, "", False)
        head, _, body = request.data.partition(b"\r\n\r\n")
        line, *headers = head.split(b"\r\n")
        assert line.endswith(b" HTTP/1.1")
        assert b"Content-Length: %d" % len(body) in headers
        assert b"Connection: close" in headers


def test_json_is_sometimes_broken_and_sometimes_only_strange(made):
    def parses(data):
        try:
            json.loads(data.partition(b"\r\n\r\n")[2])
        except (ValueError, RecursionError):
            return False
        return True

    parsed = [parses(request.data) for request in of_kind(made, "JSON")]
    assert 0.2 < sum(parsed) / len(parsed) < 0.9


def test_paths_are_asked_for_with_all_methods(made):
    lines = [request.data.split(b" ", 2) for request in of_kind(made, "HTTP paths and methods")]
    assert {b"GET", b"POST", b"HEAD", b"OPTIONS", b"X"} < {method for method, *_ in lines}
    assert len({path for _, path, _ in lines}) > 40


def test_what_is_no_protocol_may_leave_the_server_waiting(made):
    for kind, port in (("junk on the REST port", REST), ("junk on the gRPC port", GRPC)):
        for request in of_kind(made, kind):
            assert (request.port, request.method, request.incomplete) == (port, "", True)


CALL = Junk(0, "", GRPC, b"", payloads.PREDICT)
REQUEST = Junk(0, "", REST, b"")
HALF = Junk(0, "", REST, b"", incomplete=True)


@pytest.mark.parametrize("code", ["OK", "INVALID_ARGUMENT", "NOT_FOUND", "RESOURCE_EXHAUSTED"])
def test_calls_may_be_answered_or_refused(code):
    assert CALL.allows(code, "")


@pytest.mark.parametrize(
    "code", ["INTERNAL", "UNKNOWN", "UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "200", ""]
)
def test_calls_may_not_end_as_the_fault_of_the_server(code):
    assert not CALL.allows(code, "")


def test_internal_is_the_code_of_what_is_no_message_and_of_nothing_else():
    assert CALL.allows("INTERNAL", "The request is no message of this method: it ended early")
    assert not CALL.allows("INTERNAL", "ValueError: The request is no message of this method")
    assert not CALL.allows("UNKNOWN", "The request is no message of this method")
    assert not REQUEST.allows("INTERNAL", "The request is no message of this method")


@pytest.mark.parametrize("request_", [REQUEST, HALF])
def test_http_may_be_refused_but_not_fail(request_):
    assert all(request_.allows(code, "") for code in ("200", "400", "404", "413", "431", "501"))
    assert not any(request_.allows(code, "") for code in ("500", "502", "503", "HANGS", "OK", ""))


def test_connection_may_be_closed_only_on_what_may_be_incomplete():
    assert HALF.allows("CLOSED", "")
    assert not REQUEST.allows("CLOSED", "")
    assert not CALL.allows("CLOSED", "")


def test_nobody_else_is_asked_for_chance(made, monkeypatch):
    monkeypatch.setattr(random, "random", None)
    monkeypatch.setattr(os, "urandom", None)
    assert junk.make(0, 3, MODEL) == made[3]
    assert damage.bomb(random.Random("x"))
