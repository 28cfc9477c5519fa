"""Refuses documentation whose commands, settings or links are no longer true.

Every `bitpipe ...` and `make ...` in a Markdown file must be one that exists, with options that it
takes and settings that there are; a YAML example of a configuration must load; a link must lead to
a file, and to a heading in it. Nothing is run.
Usage: python tools/check_docs.py [FOLDER]
"""

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import yaml

from bitpipe.errors import ConfigError
from pipeline.cli import cli
from pipeline.settings import config
from pipeline.settings.shipped import names as shipped_names

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("docs", "kubernetes")
# What is no longer done is told there.
HISTORY = "CHANGELOG.md"

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# A file that a block of shell writes.
_WRITTEN = re.compile(r"^cat > \S+\.yaml <<'END'\n(.*?)^END$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
# Anything else is click's mark for what was not typed.
_GIVEN = (str, bool, int, tuple, list)
_VARIABLE = re.compile(r"([A-Z_]+)=.*")


def documents(root: Path) -> list[Path]:
    """The Markdown files of the project that tell what is true now."""
    found = [
        *root.glob("*.md"),
        *(path for name in FOLDERS for path in (root / name).rglob("*.md")),
    ]
    return sorted(path for path in found if path.name != HISTORY)


def faults(path: Path, root: Path) -> Iterator[str]:
    """One sentence per command, example or link that is not true."""
    text = path.read_text(encoding="utf-8")
    for language, block in _FENCED.findall(text):
        for example in (*([block] if language == "yaml" else []), *_WRITTEN.findall(block)):
            yield from _example_faults(example)
        for line in block.replace("\\\n", " ").splitlines():
            yield from command_faults(line, root, whole=True)
    prose = _FENCED.sub("", text)
    for code in _INLINE.findall(prose):
        yield from command_faults(" ".join(code.split()), root, whole=False)
    for target in _LINK.findall(prose):
        yield from _link_faults(target, path)


def command_faults(line: str, root: Path, *, whole: bool) -> Iterator[str]:
    """What is wrong with a line of a shell, if it calls `bitpipe` or `make`.

    Args:
        line: one command, perhaps with others behind it.
        root: folder of the Makefile.
        whole: as it is typed; part of a sentence may leave out what is required.
    """
    try:
        reader = shlex.shlex(line, posix=True, punctuation_chars="|;&<>")
        reader.whitespace_split = True
        words = list(reader)
    except ValueError:  # an apostrophe in something printed
        return
    end = next((at for at, word in enumerate(words) if set(word) <= set("|;&<>")), len(words))
    match words[:end]:
        case [program, *rest] if program.rpartition("/")[2] == "bitpipe":
            problem = _bitpipe(rest, whole=whole)
        case ["make", *rest]:
            problem = _make(rest, (root / "Makefile").read_text(encoding="utf-8"))
        case _:
            return
    if problem:
        yield f"`{line.strip()}`: {problem}"


def _bitpipe(words: list[str], *, whole: bool) -> str:
    context = click.Context(cli, info_name="bitpipe")
    command: click.Command = cli
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        inner = command.get_command(context, words[0])
        if inner is None:
            return f"there is no command {words[0]!r}."
        command, words = inner, words[1:]
        context = click.Context(command, parent=context, info_name=command.name)
    try:
        given, left, _ = command.make_parser(context).parse_args(list(words))
    except click.UsageError as error:
        return error.format_message()
    given = {name: value for name, value in given.items() if isinstance(value, _GIVEN)}
    if left:
        return f"nothing takes {left[0]!r}."
    for parameter in command.params:
        if whole and parameter.required and not given.get(parameter.name):
            return f"{parameter.human_readable_name} is missing."
        value, kind = given.get(parameter.name), parameter.type
        if isinstance(value, str) and isinstance(kind, (click.Choice, click.IntRange)):
            try:
                click.ParamType.__call__(kind, value, parameter, context)
            except click.BadParameter as error:
                return error.format_message()
    return _settings(given.get("config"), given.get("overrides") or ())


def _settings(source: str | None, overrides: tuple[str, ...]) -> str:
    """What is wrong with `--set`; a configuration that the reader writes is unknown here."""
    base = source if source in shipped_names() else None
    try:
        config.load(base, [given for given in overrides if not given.isupper()])
    except ConfigError as error:
        return str(error)
    return ""


def _make(words: list[str], makefile: str) -> str:
    targets = re.findall(r"^([a-z-]+):", makefile, re.MULTILINE)
    for word in words:
        if variable := _VARIABLE.fullmatch(word):
            if not re.search(rf"\b{variable[1]}( \?)?=|\$\({variable[1]}\)", makefile):
                return f"the Makefile knows no {variable[1]}."
        elif word not in targets:
            return f"there is no target {word!r}."
    return ""


def _example_faults(block: str) -> Iterator[str]:
    """Of a configuration; other YAML is none of bitpipe's."""
    example = yaml.safe_load(block)
    if not isinstance(example, dict) or not set(example) <= set(config.as_dict(config.Config())):
        return
    groups = tuple(f"{key}={yaml.safe_dump(value)}" for key, value in example.items())
    if problem := _settings(None, groups):
        yield f"the example that begins with {block.splitlines()[0]!r}: {problem}"


def _link_faults(target: str, path: Path) -> Iterator[str]:
    if re.match(r"[a-z]+:", target):
        return
    name, _, anchor = target.partition("#")
    place = path.parent / name if name else path
    if not place.exists():
        yield f"the link {target} leads nowhere."
    elif anchor and anchor not in map(_anchor, _HEADING.findall(place.read_text(encoding="utf-8"))):
        yield f"the link {target} leads to no heading."


def _anchor(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def main(arguments: list[str]) -> int:
    """Checks the documents of a folder; returns the exit code."""
    root = Path(arguments[0]).resolve() if arguments else ROOT
    paths = documents(root)
    found = [f"{path.relative_to(root)}: {fault}" for path in paths for fault in faults(path, root)]
    print("\n".join(found) if found else f"Documentation: clean ({len(paths)} files)")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
