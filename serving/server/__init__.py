"""The embedded server: TensorFlow Serving's gRPC and REST API on one machine.

| file | what it does |
|---|---|
| app.py | starts, drains and stops the whole |
| options.py, model_config.py | what can be set, and TensorFlow Serving's text files |
| catalog.py, manager.py | the models, and the life of one model's versions |
| loaded.py, servable.py, tensors.py | one version: its queue, its session, its tensors |
| batching.py, limits.py | requests joined into batches, and those refused before that |
| grpc_services.py, classify.py | the gRPC services |
| rest.py, json_tensors.py | the REST API and its JSON |
| page.py, web/ | the web page |
| metrics.py, status.py | what Prometheus reads, and the codes of errors |
"""

from serving.server.app import ModelServer, serve

__all__ = ["ModelServer", "serve"]
