"""What TensorFlow and Keras read from the environment when they are imported, set nowhere else.

One of these functions is called before anything imports a framework; what the user has set in the
environment stays.
"""

import logging
import os
import warnings

_LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
_WARNINGS, _ERRORS, _NOTHING = "1", "2", "3"

# For the environment of a process whose log is read from its end: the last line says what failed.
ERRORS_ONLY = {_LOG_LEVEL: _ERRORS}


def log_warnings() -> None:
    """Lets TensorFlow tell warnings and errors, where a log takes them."""
    _set(_WARNINGS)


def log_errors() -> None:
    """Lets TensorFlow tell errors only."""
    _set(_ERRORS)


def silence() -> None:
    """Lets no framework tell anything, where a person would read it and no log is kept.

    They greet with a dozen lines about GPUs that are not there and versions that will come; what
    goes wrong arrives as an exception.
    """
    _set(_NOTHING)
    # Else gRPC's core tells what it returns as an error, too, with its file and line.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    for name in ("tensorflow", "absl"):
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger("apache_beam").setLevel(logging.CRITICAL)  # logs what it raises
    warnings.simplefilter("ignore", FutureWarning)
    os.environ.setdefault("PYTHONWARNINGS", "ignore::FutureWarning")  # for Beam's own processes


def _set(log_level: str) -> None:
    os.environ.setdefault(_LOG_LEVEL, log_level)
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
