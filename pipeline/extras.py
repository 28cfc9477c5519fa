"""Which extra brings what a command misses, told in one sentence instead of a traceback.

The wheel's base requirements are a client's; everything else is an extra (see setup.py).
"""

from __future__ import annotations

from bitpipe.errors import MissingExtraError

_SERVE = frozenset(
    {
        *("grpc_health", "grpc_reflection", "numpy", "prometheus_client", "starlette"),
        *("tensorflow", "tensorflow_serving", "uvicorn"),
    }
)

# The serving check starts the server.
_TRAIN = _SERVE | frozenset(
    {
        *("absl", "apache_beam", "dill", "h5py", "jinja2", "keras", "markupsafe", "ml_metadata"),
        *(
            "numpy",
            "pkg_resources",
            "psutil",
            "pyarrow",
            "scipy",
            "sklearn",
            "tensorboard",
            "tensorflow",
            "tensorflow_data_validation",
        ),
        *("tensorflow_hub", "tensorflow_metadata", "tensorflow_model_analysis"),
        *("tensorflow_transform", "tfx", "tfx_bsl"),
    }
)

MODULES = {  # extra -> the top-level modules that it brings
    "batch": frozenset({"apache_beam", "numpy", "tensorflow", "tensorflow_serving"}),
    "heic": frozenset({"pillow_heif"}),
    "s3": frozenset({"boto3", "botocore"}),
    "serve": _SERVE,
    "train": _TRAIN,
    "kubeflow": _TRAIN | {"kfp", "kfp_server_api"},
}

_NEEDS = {  # command -> the extras that bring all it imports; none where a client is enough
    "batch": ("batch",),
    "classify": ("train",),
    "compile": ("kubeflow",),
    "demo": ("train", "serve"),
    "evaluate": ("train",),
    "ingest": ("train",),
    "load": ("train",),
    "run": ("train",),
    "schedule": ("kubeflow",),
    "serve": ("serve",),
    "submit": ("kubeflow",),
}


def explained(error: Exception, command: str | None, caller: str = "") -> Exception:
    """The error that a user should see.

    Args:
        error: what ended the command.
        command: its name, or None for `bitpipe` alone.
        caller: how it was called, where that was not on the command line.

    Returns:
        `MissingExtraError` where the error, or its cause, is a missing module that an extra
        brings; else the error itself.
    """
    missing = error if isinstance(error, ModuleNotFoundError) else error.__cause__
    if not isinstance(missing, ModuleNotFoundError) or not missing.name:
        return error
    module = missing.name.partition(".")[0]
    bringing = tuple(extra for extra, modules in MODULES.items() if module in modules)
    if not bringing:
        return error
    needed = _NEEDS.get(command or "", ())
    extras = needed if set(needed) & set(bringing) else bringing[:1]
    caller = caller or (f"bitpipe {command}" if command else "bitpipe")
    return MissingExtraError(caller, extras)
