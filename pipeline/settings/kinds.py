"""What a setting may be: in words, and part by part, from the type that it is checked against."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import inspect


def words(kind: Any) -> str:
    """What a value of this type must be, such as `a whole number, at least 1, or null`.

    Args:
        kind: a type that msgspec can check. A pattern needs a `description` in its `Meta`: a person
            reads no regular expressions.
    """
    return _words(inspect.type_info(kind))


def keys(kind: Any) -> list[str]:
    """The keys that a group may have; none for what is no group, or takes any key."""
    return [name for one in _alternatives(kind) for name in _fields(one)]


def parts(kind: Any, value: Any) -> Iterator[tuple[str, Any, Any]]:
    """What a group or list is made of: name or `[number]`, type and value of each.

    Those of `kind`; what it does not know is left out.
    """
    for one in _alternatives(kind):
        of = typing.get_args(one)
        if isinstance(value, Mapping) and (fields := _fields(one)):
            yield from (
                (name, fields[name], part) for name, part in value.items() if name in fields
            )
        elif isinstance(value, Mapping) and typing.get_origin(one) is dict:
            yield from ((str(name), of[1], part) for name, part in value.items())
        elif isinstance(value, list) and typing.get_origin(one) is tuple:
            yield from ((f"[{index}]", of[0], part) for index, part in enumerate(value))


def names_of(kind: Any) -> Any | None:
    """The type of the keys, where a group takes any that fit it."""
    for one in _alternatives(kind):
        if typing.get_origin(one) is dict:
            return typing.get_args(one)[0]
    return None


def _alternatives(kind: Any) -> list[Any]:
    if typing.get_origin(kind) is typing.Annotated:
        return _alternatives(typing.get_args(kind)[0])
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return [one for each in typing.get_args(kind) for one in _alternatives(each)]
    return [kind]


def _fields(kind: Any) -> dict[str, Any]:
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return {}
    return typing.get_type_hints(kind, include_extras=True)


def _words(kind: inspect.Type) -> str:
    match kind:
        case inspect.Metadata(type=inner, extra_json_schema=extra):
            return str((extra or {}).get("description") or _words(inner))
        case inspect.UnionType(types=alternatives):
            return ", or ".join(map(_words, alternatives))
        case inspect.NoneType():
            return "null"
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType():
            return f"a whole number{_range(kind)}"
        case inspect.FloatType():
            return f"a number{_range(kind)}"
        case inspect.LiteralType(values=values):
            return f"one of {', '.join(str(value) or 'an empty text' for value in values)}"
        case inspect.VarTupleType(item_type=item):
            return f"a list, each of which is {_words(item)}"
        case inspect.StructType(fields=fields):
            required = [field.encode_name for field in fields if field.required]
            needs = f" with at least {' and '.join(required)}" if required else ""
            return f"a group of keys ({', '.join(f.encode_name for f in fields)}){needs}"
        case inspect.DictType():
            return "keys with a value each"
    return "text"


def _range(kind: inspect.IntType | inspect.FloatType) -> str:
    if kind.ge is not None and kind.le is not None:
        return f" from {kind.ge} to {kind.le}"
    bounds = (
        (", at least", kind.ge),
        (" above", kind.gt),
        (" below", kind.lt),
        (" at most", kind.le),
    )
    given = [f"{words} {bound}" for words, bound in bounds if bound is not None]
    return " and".join(given)
