"""The versions of a model, as `bitpipe models` prints them."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from bitpipe.names import printable
from pipeline.terminal import columns

if TYPE_CHECKING:
    from bitpipe.model.registry import Comparison, Registry, Version
    from bitpipe.model.release import Event, Release

# Characters of a digest that tell it from all others in a table.
_DIGEST = 10
_UNKNOWN = "-"
_SHOWN_CLASSES = 20
_SHOWN_SENTENCES = 12


def print_list(registry: Registry, found: Sequence[Version]) -> None:
    """A row per version; what matters most is left, where a narrow terminal shows it."""
    _say(f"{registry.name} in {registry.folder}\n")
    head = (
        "version",
        "",
        "pushed",
        "accuracy",
        "95% interval",
        "of",
        "pictures",
        "data",
        "backbone",
        "code",
        "verdict",
    )
    rows = [
        (
            str(version.version),
            ", ".join(_state(version)),
            date(version.pushed_at),
            f"{version.evaluation.accuracy:.4f}" if version.evaluation else _UNKNOWN,
            _interval(version.interval),
            str(version.evaluation.pictures) if version.evaluation else _UNKNOWN,
            str(sum(version.origin.splits.values()) or _UNKNOWN),
            _short(version.origin.data),
            version.origin.backbone or version.variant or _UNKNOWN,
            _short(version.origin.code),
            _blessed(version),
        )
        for version in found
    ]
    columns.print_table(head, rows, right=(3, 5, 6))
    decided = registry.release
    if decided.stable is not None and not any(version.in_service for version in found):
        _say(
            f"\nVersion {decided.stable}, which shall be in service, is gone: promote another one "
            "with `bitpipe models promote VERSION`."
        )


def print_version(version: Version, history: Iterable[Event]) -> None:
    """All that is known of a version."""
    origin, judged = version.origin, version.evaluation
    columns.print_pairs(
        [
            ("version", f"{version.version} ({', '.join(_state(version)) or 'not in service'})"),
            ("pushed", date(version.pushed_at)),
            ("folder", version.path),
            (
                "accuracy",
                f"{judged.accuracy:.4f}, 95% interval {_interval(version.interval)}, "
                f"on {judged.pictures} pictures"
                if judged
                else _UNKNOWN,
            ),
            ("verdict", _verdict(version)),
            ("pictures", _pictures(version)),
            ("classes", _classes(version)),
            ("data", origin.data or _UNKNOWN),
            ("network", version.variant or _UNKNOWN),
            ("backbone", origin.backbone or _UNKNOWN),
            ("code", f"{origin.code or _UNKNOWN} (bitpipe {origin.bitpipe or _UNKNOWN})"),
            ("model", origin.digest or _UNKNOWN),
            ("run", origin.run or _UNKNOWN),
            *(("decided", told(event)) for event in history),
        ]
    )


def print_comparison(found: Comparison) -> None:
    """Two versions side by side, and what differs."""
    sides = (found.first, found.second)
    rows = [
        ("pushed", *(date(side.pushed_at) for side in sides)),
        (
            "accuracy",
            *(f"{side.evaluation.accuracy:.4f}" if side.evaluation else _UNKNOWN for side in sides),
        ),
        ("95% interval", *(_interval(side.interval) for side in sides)),
        ("pictures", *(_pictures(side) for side in sides)),
        ("data", *(_short(side.origin.data) for side in sides)),
        ("network", *(side.variant or _UNKNOWN for side in sides)),
        ("backbone", *(side.origin.backbone or _UNKNOWN for side in sides)),
        ("code", *(_short(side.origin.code) for side in sides)),
        ("state", *(", ".join(_state(side)) or _UNKNOWN for side in sides)),
    ]
    columns.print_table(("", *(str(side.version) for side in sides)), rows)
    _say("")
    if found.change is not None and found.interval is not None:
        low, high = found.interval
        clear = "more than chance" if found.clear else "within chance"
        _say(
            f"accuracy {found.change:+.4f}, 95% interval {low:+.4f} to {high:+.4f}: {clear}"
            + ("" if found.same_data else "; the pictures are not known to be the same")
        )
    for what, names in (("new", found.added), ("gone", found.removed)):
        if names:
            _say(f"classes {what}: {', '.join(names)}")


def print_decision(registry: Registry, after: Release) -> None:
    """What is in service now."""
    event = after.history[-1]
    _say(told(event))
    _say(f"in service: version {after.stable or registry.newest()} of {registry.name}")
    if after.canary is not None:
        _say(f"on trial: version {after.canary}, for requests that name the label canary")
        if after.stable is not None and after.canary > after.stable:
            _say(
                "Requests that name no label are answered by the highest version that is loaded, "
                "here the canary: have all others name the label stable."
            )


def told(event: Event) -> str:
    """A decision in words."""
    what = {
        "promote": f"version {event.version} was promoted to {event.label}",
        "push": f"version {event.version} was pushed",
        "rollback": f"rolled back from version {event.before} to {event.version}",
        "pin": f"version {event.version} was pinned",
        "unpin": f"version {event.version} was unpinned",
    }.get(event.action, f"{event.action} of version {event.version}")
    if event.label == "canary" and event.action == "rollback":
        what = f"version {event.before}, the canary, was taken back"
    why = f": {' '.join(event.why.split())}" if event.why.strip() else ""
    return f"{date(event.at)}  {what} by {event.by or 'somebody'}{why}"


def date(seconds: int | None) -> str:
    """Local time, to the minute."""
    if seconds is None:
        return _UNKNOWN
    return f"{datetime.datetime.fromtimestamp(seconds):%Y-%m-%d %H:%M}"


def _state(version: Version) -> list[str]:
    labels = [label for label in version.labels if label != "stable"]
    return [
        *(["in service"] if version.in_service else []),
        *labels,
        *(["pinned"] if version.pinned else []),
        *([f"rolled back from by {version.withdrawn.by}"] if version.withdrawn else []),
    ]


def _interval(interval: tuple[float, float] | None) -> str:
    return f"{interval[0]:.4f} to {interval[1]:.4f}" if interval else _UNKNOWN


def _short(digest: str | None) -> str:
    return digest[:_DIGEST] if digest else _UNKNOWN


def _pictures(version: Version) -> str:
    splits = version.origin.splits
    if not splits:
        return _UNKNOWN
    each = ", ".join(f"{count} {split}" for split, count in splits.items())
    return f"{sum(splits.values())} ({each})"


def _classes(version: Version) -> str:
    names = list(version.classes or version.origin.classes)
    counts = version.origin.classes
    shown = [
        f"{name} {sum(counts[name].values())}" if name in counts else name
        for name in names[:_SHOWN_CLASSES]
    ]
    more = f" and {len(names) - _SHOWN_CLASSES} more" if len(names) > _SHOWN_CLASSES else ""
    return f"{len(names)}: {', '.join(shown)}{more}" if names else _UNKNOWN


def _blessed(version: Version) -> str:
    said = version.origin.verdict
    return ("blessed" if said.get("blessed") else "not blessed") if said else _UNKNOWN


def _verdict(version: Version) -> str:
    said = version.origin.verdict
    checks = (check for check in said.get("checks", ()) if isinstance(check, dict))
    sentences = [
        *(check["sentence"] for check in checks if "sentence" in check),
        *said.get("objections", ()),
        *said.get("notes", ()),
    ]
    more = len(sentences) - _SHOWN_SENTENCES
    shown = [_blessed(version), *map(str, sentences[:_SHOWN_SENTENCES])]
    return "; ".join([*shown, *([f"and {more} more (--json)"] if more > 0 else [])])


def _say(text: str) -> None:
    click.echo("\n".join(printable(line, sys.stdout.encoding) for line in text.split("\n")))
