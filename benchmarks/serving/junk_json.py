"""Malformed bodies of REST requests."""

from __future__ import annotations

import json
import random

from benchmarks.serving import damage, payloads, pictures
from bitpipe.model import signature


def body(rng: random.Random) -> bytes:
    """JSON of the wrong shape, or hardly any JSON."""
    form = rng.choice(["instances", "inputs"])
    match rng.randrange(12):
        case 0:
            data = json.dumps({form: _value(rng, 4)}).encode()
        case 1:
            data = json.dumps(_value(rng, 3)).encode()
        case 2:  # nested: as deep as parsers go, and deeper
            depth = rng.choice([10, 100, 300, 450, 600, 900, 990, 5_000, 100_000])
            opened, closed = rng.choice([(b"[", b"]"), (b'{"b64":', b"}")])
            data = b'{"%b": %b1%b}' % (form.encode(), opened * depth, closed * depth)
        case 3:  # numbers no machine has
            digits = rng.choice([b"1e999", b"-1e999", b"9" * 30, b"9" * 5_000, b"NaN", b"1e-999"])
            data = b'{"%b": [%b]}' % (form.encode(), digits)
        case 4:  # not base64
            text = rng.choice(["!", "a", "====", "é", "\\u0000", "Zm9v\\n!", "-_-_"])
            data = ('{"%s": [{"b64": "%s"}]}' % (form, text)).encode()  # noqa: UP031
        case 5:  # half of a surrogate pair: a string in JSON, but not in UTF-8
            text = rng.choice(
                [
                    '{"signature_name": "\\ud800", "instances": ["x"]}',
                    '{"instances": "\\ud800"}',
                    '{"inputs": {"\\udfff": 1}}',
                    '{"instances": ["\\ud800"]}',
                    '{"instances": [{"\\ud800": "x"}]}',
                ]
            )
            data = text.encode()
        case 6:
            data = rng.randbytes(rng.randint(0, 300))
        case 7:
            data = b'{"%b": ["\xff\xfe\x80"]}' % form.encode()
        case 8:
            names: list[object] = [1, None, [], {}, "x", "\0", f"{signature.SERVING} "]
            data = json.dumps({"signature_name": rng.choice(names), form: ["x"]}).encode()
        case 9:  # rows of different shapes
            mixed = [[], "x", ["x"], {signature.IMAGE: "x"}][:: rng.choice([1, -1])]
            data = json.dumps({form: mixed}).encode()
        case 10:
            key = rng.choice([signature.IMAGE, "images", "", "b64"])
            data = json.dumps({form: [{key: _value(rng, 2)}] * rng.randint(1, 3)}).encode()
        case _:
            whole = payloads.predict_json([pictures.encode(0, (32, 24))])
            data = damage.mutate(whole[:40], rng) + whole[40:]
    return data


def _value(rng: random.Random, depth: int) -> object:
    """Any JSON, in `depth` levels at most."""
    match rng.randrange(9 if depth else 6):
        case 0:
            return None
        case 1:
            return rng.random() < 0.5
        case 2:
            return rng.choice([0, -1, 2**31, 2**63, -(2**70), 10**30])
        case 3:
            return rng.choice([0.5, -1e308, 1e-320])
        case 4:
            return rng.choice(["", "x", "\0", "é", "\U0001f355", "x" * 1_000])
        case 5:
            return {"b64": rng.choice(["", "eA==", "?", 1, None])}
        case 6:
            return {
                rng.choice([signature.IMAGE, "b64", ""]): _value(rng, depth - 1) for _ in range(2)
            }
        case _:
            return [_value(rng, depth - 1) for _ in range(rng.randint(0, 4))]
