"""A client of TensorFlow Serving, over gRPC or REST; it imports neither TensorFlow nor TFX.

| file | what it does |
|---|---|
| prediction_client.py | the client itself |
| address.py, connection.py, retry.py | where and how it connects, and how often it tries |
| transport_grpc.py, transport_rest.py | a call over either protocol |
| codec.py, messages.py, codec_json.py | what is in the messages of either |
| stream.py, batches.py, ordered.py | many pictures: in batches, several at once, bad ones apart |
| answer_formats.py | answers as JSON Lines or CSV |
| answer_file.py | answers in a file, to which an interrupted run can return |
| failures.py | what goes wrong, in a sentence |
"""

from serving.client.codec import ModelMetadata, Prediction, VersionStatus
from serving.client.connection import ClientTls, KeepAlive
from serving.client.prediction_client import PredictionClient
from serving.client.retry import Retry
from serving.client.stream import Answer

__all__ = [
    "Answer",
    "ClientTls",
    "KeepAlive",
    "ModelMetadata",
    "Prediction",
    "PredictionClient",
    "Retry",
    "VersionStatus",
]
