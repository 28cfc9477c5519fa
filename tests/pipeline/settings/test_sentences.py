"""A setting is called by its whole key wherever a sentence speaks of it: people paste it."""

import ast
import re
from pathlib import Path

from pipeline.settings import config

ROOT = Path(__file__).parents[3]
# A library of its own, with arguments of its own; `components.hyperparameters` translates.
APART = ROOT / "components" / "bit"

KEYS = [key.rpartition(".") for key in config.load("smoke").origins]
# The others are words of English, and may stand for themselves.
UNMISTAKABLE = sorted({leaf for _, _, leaf in KEYS if "_" in leaf})
# A parameter of a run on Kubeflow has a name of its own.
BARE = re.compile(rf"(?<![\w.-])(?<!parameter )({'|'.join(UNMISTAKABLE)})\b")


def sentences(source):
    """Literal texts with a space in them, without docstrings."""
    tree = ast.parse(source)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and " " in text.strip() and id(node) not in docstrings:
            yield text


def test_every_sentence_names_settings_by_their_whole_keys():
    files = [
        path for top in ("bitpipe", "components", "pipeline") for path in (ROOT / top).rglob("*.py")
    ]
    found = [
        f"{path.relative_to(ROOT)}: {text}"
        for path in files
        if APART not in path.parents
        for text in sentences(path.read_text(encoding="utf-8"))
        if BARE.search(text)
    ]
    assert found == []


def test_a_bare_name_is_found_and_a_whole_key_is_not():
    source = 'def f():\n    """Raises max_drop."""\n    raise E(f"or raise WORD. {x}")\n'
    bare, whole = (source.replace("WORD", word) for word in ("max_rejected_share", "data.max_drop"))
    assert [text for text in sentences(bare) if BARE.search(text)] == [
        "or raise max_rejected_share. "
    ]
    assert [text for text in sentences(whole) if BARE.search(text)] == []
