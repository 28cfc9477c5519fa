"""From a folder of photos to a served BiT model: `run`, `load`, `classify` and `predict`.

They are described in docs/python.md. Importing this costs nothing: each function is fetched from
`pipeline.api`, the top of the house, when it is asked for.
"""

__all__ = ["classify", "load", "predict", "run"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module("pipeline.api"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
