"""The part of the cache key that sees code: which changes of which files count for which stage."""

import ast
import functools
import modulefinder
import shutil
import textwrap
from pathlib import Path

import pytest

from bitpipe import errors
from components.code_version import LEFT_OUT, PACKAGES, code_version, sources

TOP = Path(__file__).parents[2]
INGEST = "components.image_example_gen.executor"
RULE = "components.hyperparameters"
TRANSFORM = "components.preprocessing"
TRAINER = "components.trainer"
STAGES = (INGEST, RULE, TRANSFORM, TRAINER)


@pytest.fixture
def copy(tmp_path):
    for package in PACKAGES:
        shutil.copytree(
            TOP / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    return tmp_path


def versions(top):
    code_version.cache_clear()
    return {stage: code_version(stage, top) for stage in STAGES}


def files(entry, top=TOP):
    return {path.relative_to(top).as_posix() for path in sources(entry, top)}


@functools.cache
def tree(file):
    return ast.parse((TOP / file).read_text())


def module_of(file):
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def package(top, **modules):
    """A package `components` of these modules; `__` in a name stands for a folder."""
    for name, text in {"__init__": "", **modules}.items():
        path = top / "components" / f"{name.replace('__', '/') if name != '__init__' else name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / "__init__.py").touch()
        path.write_text(textwrap.dedent(text))
    return {module_of(file) for file in files("components.entry", top)} - {"components"}


# Which stages a change reaches


def changed_stages(copy, *changed):
    before = versions(copy)
    for path in changed:
        with path.open("a") as file:
            file.write("\n# changed\n")
    after = versions(copy)
    return {stage for stage in STAGES if after[stage] != before[stage]}


@pytest.mark.parametrize(
    "place",
    [
        "components/gate",
        "components/release",
        "components/bit/download.py",
        "components/bit/classifier.py",
        "components/image_example_gen/component.py",
        "components/image_example_gen/settings.py",
        "bitpipe/errors.py",
        "serving",
        "pipeline",
    ],
)
def test_what_judges_pushes_downloads_and_serves_costs_no_stage_a_new_run(copy, place):
    path = copy / place
    assert changed_stages(copy, *(path.rglob("*.py") if path.is_dir() else [path])) == set()


def test_what_the_trainer_imports_is_in_its_version(copy):
    trainer = {copy / file for file in files(TRAINER)}
    for directly in ("components/trainer.py", "components/bit/layers.py"):
        assert changed_stages(copy, copy / directly) == {TRAINER}
    forecast = (
        copy / "components" / "training" / "forecast.py"
    )  # before the first stage, no part of one
    assert {*(copy / "components" / "training").rglob("*.py")} - trainer == {forecast}


def test_what_several_stages_import_is_in_the_version_of_each(copy):
    assert changed_stages(copy, copy / "components/features.py") == set(STAGES)
    assert changed_stages(copy, copy / "components/preprocessing.py") == {TRANSFORM, TRAINER}
    assert changed_stages(copy, copy / "components/bit/hyperrule.py") == {RULE, TRAINER}


def test_what_a_picture_is_counts_for_the_ingest(copy):
    pictures = [copy / file for file in files(INGEST) if file.startswith("bitpipe/pictures/")]
    assert pictures
    assert changed_stages(copy, *pictures) >= {INGEST}


@pytest.mark.parametrize("stage", STAGES)
def test_whatever_bytecode_imports_for_a_stage_is_in_its_version(stage):
    """Against the standard library's own finder, which reads what the compiler made of it."""
    finder = modulefinder.ModuleFinder(path=[str(TOP)])
    finder.import_hook(stage)
    imported = {name for name in finder.modules if name.split(".")[0] in PACKAGES}
    told = {*LEFT_OUT, "bitpipe.exits", "bitpipe.cache"}  # the errors', and the downloader's
    assert imported - told == {module_of(file) for file in files(stage)} - told


# How the closure is found


def test_every_package_that_is_shipped_is_followed():
    (shipped,) = (
        ast.literal_eval(node.value)
        for node in tree("setup.py").body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "PACKAGES"
    )
    assert sorted(shipped) == sorted(PACKAGES)


def test_imports_are_followed_at_any_depth_and_inside_functions(tmp_path):
    assert package(
        tmp_path,
        entry="""
            import components.whole as short
            from components.taken import NAME
            from components.sub import module

            def later():
                if NAME:
                    from components import late
        """,
        whole="from . import sibling",
        taken="NAME = 1",
        sub__module="from ..sibling import X\nfrom components.sub.deep import Y",
        sub__deep="Y = 1",
        late="",
        sibling="X = 1",
        stranger="",
    ) == {
        *("components.entry", "components.whole", "components.taken", "components.late"),
        *("components.sub", "components.sub.module", "components.sub.deep", "components.sibling"),
    }


def test_what_only_type_checkers_import_does_not_count(tmp_path):
    assert package(
        tmp_path,
        entry="""
            import typing
            from typing import TYPE_CHECKING

            if TYPE_CHECKING:
                from components import hint
            else:
                from components import real
            if typing.TYPE_CHECKING:
                from components import hint
        """,
        hint="",
        real="",
    ) == {"components.entry", "components.real"}


def test_a_package_counts_with_what_its_init_imports(tmp_path):
    found = package(tmp_path, entry="from components.sub import module", sub__module="")
    assert "components.other" not in found
    (tmp_path / "components" / "sub" / "__init__.py").write_text("from components import other")
    (tmp_path / "components" / "other.py").touch()
    assert "components/other.py" in files("components.entry", tmp_path)


def test_modules_may_import_one_another(tmp_path):
    found = package(tmp_path, entry="import components.other", other="import components.entry")
    assert found == {"components.entry", "components.other"}


def test_a_module_that_is_not_there_is_an_error(tmp_path):
    package(tmp_path, entry="")
    for broken in ("components.gone", "components.entry.gone"):
        with pytest.raises(ModuleNotFoundError, match=broken):
            code_version(broken, tmp_path)


def test_a_data_file_that_a_module_reads_is_part_of_it():
    assert "components/bit/imagenet_classes.txt" in files("components.bit.imagenet")
    assert not [file for file in files(TRAINER) if not file.endswith(".py")]


# What is hashed


def test_a_copy_elsewhere_has_the_same_version(copy):
    assert versions(copy) == versions(TOP)


def test_a_renamed_module_changes_the_version(tmp_path):
    for name in ("one", "two"):  # the same texts throughout
        package(tmp_path / name, entry="from components import one, two", **{name: "X = 1"})
    one, two = (code_version("components.entry", tmp_path / name) for name in ("one", "two"))
    assert one != two


# Why what is left out is safe to leave out


def trees():
    """Every module of every stage, but the one that brings Python's users `run` and the like."""
    of_stages = {file for stage in STAGES for file in files(stage)}
    return [tree(file) for file in sorted(of_stages - {"bitpipe/__init__.py"})]


def used_of(name):
    """What the stages take from the module `name`."""
    package, _, short = name.rpartition(".")
    used = set()
    for module in trees():
        nodes = list(ast.walk(module))
        taken = [
            (node.module, alias.name)
            for node in nodes
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        ]
        used.update(alias for origin, alias in taken if origin == name)
        if (package, short) in taken:
            used.update(
                node.attr
                for node in nodes
                if isinstance(node, ast.Attribute) and ast.unparse(node.value) == short
            )
    return used


def answer_of(file, function):
    (found,) = (
        node
        for node in tree(file).body
        if isinstance(node, ast.FunctionDef) and node.name == function
    )
    return ast.unparse(found.returns)


def test_only_what_is_proven_here_is_left_out():
    assert {"bitpipe.errors", "components.progress", "components.bit.download"} == LEFT_OUT


def test_of_the_errors_stages_take_nothing_but_classes_to_raise_and_to_catch():
    classes = [getattr(errors, name) for name in used_of("bitpipe.errors")]
    assert classes
    for error in classes:
        assert issubclass(error, errors.BitpipeError)
        assert {name for name, value in vars(error).items() if callable(value)} <= {"__init__"}


def test_progress_answers_nothing_to_a_stage():
    taken = used_of("components.progress")
    assert taken == {"report", "advance", "kept", "say"}
    assert {answer_of("components/progress.py", name) for name in taken} == {"None"}


def test_of_the_downloader_the_trainer_takes_the_file_at_an_address_alone():
    """Its own tests prove that the file holds what lies there, whole and checked, or is none."""
    # By a digest, packaged weights are refused or not; a stage that raises has no outputs.
    assert used_of("components.bit.download") == {
        *("fetch", "forget", "digest"),
        *("is_cached", "require_answer"),  # of `bit.files`, before a run
    }
    assert answer_of("components/bit/download.py", "fetch") == "Path"
    assert answer_of("components/bit/download.py", "forget") == "None"
    # The address is in the key: the configuration gives it, or a name for it in here.
    assert "components/bit/sources.py" in files(TRAINER)


def test_no_stage_imports_by_a_name_that_cannot_be_followed():
    called = {
        ast.unparse(node.func).split(".")[-1]
        for module in trees()
        for node in ast.walk(module)
        if isinstance(node, ast.Call)
    }
    assert not called & {"__import__", "import_module"}
