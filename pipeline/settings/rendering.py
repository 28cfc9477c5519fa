"""A configuration as people read it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from pipeline.settings.config import Config, Effective, as_dict
from pipeline.settings.layers import dotted, leaves

# Keys and values that are wider stand on lines of their own, so that an origin such as a
# configuration's name still fits a terminal of 80 columns.
_WIDEST = 44


def render(effective: Effective) -> str:
    """The configuration as YAML, each value with its origin as a comment."""
    lines: list[tuple[str, str]] = []
    seen: list[str] = []
    for keys, value in leaves(as_dict(effective.config)):
        *groups, leaf = keys
        for depth, group in enumerate(groups):
            if seen[: depth + 1] != groups[: depth + 1]:
                lines.append((f"{'  ' * depth}{group}:", ""))
        seen = groups
        indent = "  " * len(groups)
        first, *others = f"{leaf}: {_yaml(value, flow=True)}".splitlines()
        if isinstance(value, (list, tuple)) and len(indent + first) > _WIDEST:
            first, others = f"{leaf}:", _yaml(value, flow=False).splitlines()
        # The first word tells who said it, and what was said stands here.
        lines.append((f"{indent}{first}", effective.origins[dotted(keys)].partition("=")[0]))
        lines += [(f"{indent}  {other}", "") for other in others]
    width = 2 + max(len(line) for line, origin in lines if origin and len(line) <= _WIDEST)
    return "".join(
        f"{line:<{width - 2}}  # {origin}\n" if origin else f"{line}\n" for line, origin in lines
    )


def values(config: Config) -> Iterator[tuple[str, str]]:
    """Each dotted key, and its value as YAML on one line."""
    for keys, value in leaves(as_dict(config)):
        yield dotted(keys), _yaml(value, flow=True).replace("\n", " ")


def _yaml(value: Any, *, flow: bool) -> str:
    text: str = yaml.safe_dump(
        value, default_flow_style=flow, allow_unicode=True, sort_keys=False, width=10_000
    )
    return text.removesuffix("...\n").strip()
