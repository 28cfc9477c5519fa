"""A configuration as people read it."""

from __future__ import annotations

import yaml

from pipeline.settings.config import Effective, as_dict
from pipeline.settings.layers import dotted, leaves


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
        text = yaml.safe_dump(value, default_flow_style=True, width=10_000).removesuffix("...\n")
        lines.append(
            (f"{'  ' * len(groups)}{leaf}: {text.strip()}", effective.origins[dotted(keys)])
        )
    width = max(len(line) for line, origin in lines if origin) + 2
    return "".join(
        f"{line:<{width}}# {origin}\n" if origin else f"{line}\n" for line, origin in lines
    )
