from pipeline.api import classify as classify
from pipeline.api import load as load
from pipeline.api import predict as predict
from pipeline.api import run as run

__all__ = ["classify", "load", "predict", "run"]
