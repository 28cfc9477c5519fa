"""The embedded server: TensorFlow Serving's gRPC and REST API on one machine.

| file | what it does |
|---|---|
| app.py, listening.py | starts, drains and stops the whole; its ports |
| options.py, model_config.py | what can be set, and TensorFlow Serving's text files |
| catalog.py, manager.py | the models, and the life of one model's versions |
| loaded.py | one version: a `serving.model` and the queue before it |
| batching.py, limits.py | requests joined into batches, and those refused before that |
| methods.py, classify.py | what is answered, whatever the transport |
| grpc_services.py | the gRPC services |
| rest.py, json_body.py, json_inputs.py, json_outputs.py | the REST API and its JSON |
| page.py, web/ | the web page |
| metrics.py | what Prometheus reads |
"""

from serving.server.app import ModelServer, serve

__all__ = ["ModelServer", "serve"]
