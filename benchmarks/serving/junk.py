"""Malformed requests, each determined by a seed and its number alone."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable

from benchmarks.serving import damage, junk_json, payloads, pictures
from bitpipe.model import signature

GRPC, REST = "grpc", "rest"

# What a client is told whose request is at fault, or which a mutation has left sound.
GRPC_FINE = frozenset(
    {
        *("OK", "INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "OUT_OF_RANGE"),
        *("UNIMPLEMENTED", "RESOURCE_EXHAUSTED", "PERMISSION_DENIED"),
    }
)
# What is no message at all is INTERNAL by gRPC's own table, and so is a real fault of the server.
_UNPARSABLE = "The request is no message of this method"
_NOT_IMPLEMENTED = "501"  # Classify and Regress over REST, as documented


@dataclasses.dataclass(frozen=True)
class Junk:
    """A request.

    Attributes:
        number: by which `make` gives it again.
        kind: one of KINDS.
        port: GRPC or REST.
        data: a serialized message, or all that is sent over a connection.
        method: gRPC's; empty where `data` is sent without any protocol.
        incomplete: may leave the server waiting for more, and so ends with a half-closed
            connection and perhaps without an answer.
    """

    number: int
    kind: str
    port: str
    data: bytes
    method: str = ""
    incomplete: bool = False

    def allows(self, code: str, text: str) -> bool:
        """Whether the server may end this request with this code and text."""
        if self.method:
            return code in GRPC_FINE or (code == "INTERNAL" and text.startswith(_UNPARSABLE))
        if code == "CLOSED":
            return self.incomplete
        return code.isdigit() and (int(code) < 500 or code == _NOT_IMPLEMENTED)


def make(seed: int, number: int, model: str) -> Junk:
    """The malformed request of this number."""
    rng = random.Random(f"{seed}/{number}")
    (kind,) = rng.choices(list(KINDS), [weight for weight, _ in KINDS.values()])
    return dataclasses.replace(KINDS[kind][1](rng, model), number=number, kind=kind)


def _grpc(data: bytes, method: str = payloads.PREDICT) -> Junk:
    return Junk(0, "", GRPC, data, method)


def _http(path: str | bytes, body: bytes, method: bytes = b"POST", headers: bytes = b"") -> Junk:
    target = path.encode("latin-1") if isinstance(path, str) else path
    head = b"%b %b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%b" % (
        method,
        target,
        headers,
    )
    return Junk(0, "", REST, head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body))


def _proto_bytes(rng: random.Random, model: str) -> Junk:
    whole = payloads.predict(model, [pictures.encode(rng.randrange(4), (32, 24))])
    if rng.random() < 0.1:
        return _grpc(rng.randbytes(rng.randint(0, 500)))
    if rng.random() < 0.1:
        return _grpc(whole + payloads.status(model) + whole[: rng.randrange(len(whole))])
    # Most of the bytes are the picture's; the fields lie before it.
    head = rng.randint(1, 90)
    return _grpc(damage.mutate(whole[:head], rng) + whole[head:])


def _proto_fields(rng: random.Random, model: str) -> Junk:
    good = pictures.encode(rng.randrange(4), (32, 24))
    message = payloads.predict_message(model, [good] * rng.randint(1, 3))
    tensor = message.inputs[signature.IMAGE]
    for _ in range(rng.randint(1, 3)):
        match rng.randrange(12):
            case 0:
                message.model_spec.name = rng.choice(["", "x", "tiny/1", "\0", "é" * 300, "../x"])
            case 1:
                message.model_spec.version.value = rng.choice([0, -1, 1, 2**63 - 1, -(2**63)])
            case 2:
                message.model_spec.version_label = rng.choice(["", "stable", "\n", "x" * 5_000])
            case 3:
                message.model_spec.signature_name = rng.choice(["", "predict", "\0", "y" * 5_000])
            case 4:
                message.output_filter.append(
                    rng.choice(["", signature.SCORES, signature.LABEL, "\r\n", "z" * 999])
                )
            case 5:
                tensor.dtype = rng.choice([0, 1, 3, 7, 8, 14, 19, 20, 21, 101, 107, 999])
            case 6:
                del tensor.tensor_shape.dim[:]
            case 7:
                tensor.tensor_shape.dim.add(size=rng.choice([-1, 0, 1, 2**31, 2**62, -(2**63)]))
            case 8:
                del tensor.tensor_shape.dim[:1]
                for _ in range(rng.choice([1, 2, 8, 300])):
                    tensor.tensor_shape.dim.add(size=rng.choice([0, 1, 2]))
            case 9:
                tensor.tensor_shape.unknown_rank = True
            case 10:
                tensor.tensor_content = rng.randbytes(rng.randint(1, 50))
            case _:
                del tensor.string_val[rng.randrange(2) :]
    match rng.randrange(8):
        case 0:
            del message.inputs[signature.IMAGE]
        case 1:
            message.inputs[rng.choice(["", "images", "\0"])].CopyFrom(tensor)
        case 2:
            message.ClearField("model_spec")
    # Else the order of a map's entries is another one in each process.
    return _grpc(message.SerializeToString(deterministic=True))


def _other_calls(rng: random.Random, model: str) -> Junk:
    paths = ["/", "", "..", "/etc", "\0", "x" * 5_000, "relative", "/proc/self/root"]
    match rng.randrange(6):
        case 0:
            return _grpc(damage.mutate(payloads.metadata(model), rng), payloads.METADATA)
        case 1:
            return _grpc(damage.mutate(payloads.status(model), rng), payloads.STATUS)
        case 2:
            return _grpc(payloads.predict(model, [b""]), payloads.CLASSIFY)
        case 3:  # not mutated: a valid request to serve nothing might come of it
            return _grpc(
                payloads.reload_config(rng.choice([model, "", "x", "../x"]), rng.choice(paths)),
                payloads.RELOAD,
            )
        case 4:
            return _grpc(rng.randbytes(rng.randint(0, 99)), payloads.CLASSIFY)
        case _:
            return _grpc(payloads.status(model), payloads.PREDICT + rng.choice(["x", "/", "%00"]))


def _picture(rng: random.Random, model: str) -> Junk:
    files = [damage.picture(rng) for _ in range(rng.choice([1, 1, 1, 3]))]
    if len(files) > 1:
        files[rng.randrange(3)] = pictures.encode(rng.randrange(4), (32, 24))
    return _grpc(payloads.predict(model, files))


def _bomb(rng: random.Random, model: str) -> Junk:
    return _grpc(payloads.predict(model, [damage.bomb(rng)]))


def _json_picture(rng: random.Random, model: str) -> Junk:
    return _http(payloads.predict_path(model), payloads.predict_json([damage.picture(rng)]))


def _json(rng: random.Random, model: str) -> Junk:
    return _http(payloads.predict_path(model), junk_json.body(rng))


def _path(rng: random.Random, model: str) -> Junk:
    names = [model, "x", "", "%00", "%ff", "..", "%2e%2e%2f", "a" * 9_000, "%F0%9F%8D%95", "*"]
    ends = [
        *(":predict", ":classify", ":regress", ":Predict", ":", "", "/metadata", "/x", "//"),
        *("/versions/1", "/versions/0", "/versions/-1", "/versions/x", "/labels/", "/labels/x"),
        *("/versions/" + "9" * digits + ":predict" for digits in (18, 19, 30, 4_000, 5_000)),
        *("/versions/" + "9" * digits for digits in (19, 5_000)),
        *("/labels/%ed%a0%80:predict", "?x=%00", ":predict?x", "/versions/1/labels/x:predict"),
    ]
    path = f"/v1/models/{rng.choice(names)}{rng.choice(ends)}"
    if rng.random() < 0.1:
        paths = ["/", "//", "/../../etc/passwd", "/models/x", "/metrics", "*", "/web/../app.py"]
        path = rng.choice([*paths, "/static/%2e%2e/app.py", "/%00", "/monitoring", "x", "/v1"])
    methods = [b"GET", b"POST", b"POST", b"PUT", b"DELETE", b"HEAD", b"OPTIONS", b"PATCH", b"X"]
    body = payloads.predict_json([pictures.encode(0, (32, 24))])
    return _http(path, body, rng.choice(methods))


def _http_junk(rng: random.Random, model: str) -> Junk:
    path = payloads.predict_path(model).encode()
    whole = _http(path, b'{"instances": ["x"]}').data
    match rng.randrange(6):
        case 0:
            data = rng.randbytes(rng.randint(0, 500))
        case 1:
            data = whole[: rng.randrange(len(whole))]
        case 2:
            data = damage.mutate(whole, rng)
        case 3:
            sizes = [b"-1", b"x", b"99999999999999999999", b"1, 2", b"0x10", b""]
            data = b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Length: %b\r\n\r\nxx" % (
                path,
                rng.choice(sizes),
            )
        case 4:
            chunks = [b"zz\r\n", b"-1\r\n", b"ffffffffffffffffffff\r\n", b"5\r\nab\r\n0\r\n\r\n"]
            data = (
                b"POST %b HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n%b"
                % (
                    path,
                    rng.choice(chunks),
                )
            )
        case _:
            header = rng.choice([b"X: " + b"y" * 200_000, b"X: y\r\n" * 9_000, b"\0: x", b": x"])
            data = b"GET /models HTTP/1.1\r\nHost: localhost\r\n%b\r\n\r\n" % header
    return Junk(0, "", REST, data, incomplete=True)


def _tcp_junk(rng: random.Random, _: str) -> Junk:
    """Bytes on gRPC's port that are no HTTP/2, or soon cease to be."""
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    settings = b"\0\0\0\4\0\0\0\0\0"
    match rng.randrange(4):
        case 0:
            data = rng.randbytes(rng.randint(1, 500))
        case 1:
            data = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
        case 2:
            data = preface + rng.randbytes(rng.randint(1, 200))
        case _:
            data = preface + damage.mutate(settings * 3, rng)
    return Junk(0, "", GRPC, data, incomplete=True)


# kind -> how often, and how it is made
KINDS: dict[str, tuple[int, Callable[[random.Random, str], Junk]]] = {
    "protos, mutated bytes": (24, _proto_bytes),
    "protos, wrong fields": (15, _proto_fields),
    "other gRPC calls": (8, _other_calls),
    "broken pictures": (20, _picture),
    "decompression bombs": (1, _bomb),
    "broken pictures, JSON": (4, _json_picture),
    "JSON": (16, _json),
    "HTTP paths and methods": (6, _path),
    "junk on the REST port": (3, _http_junk),
    "junk on the gRPC port": (3, _tcp_junk),
}
