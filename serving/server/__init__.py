"""The embedded server: TensorFlow Serving's gRPC and REST API on one machine.

| file | what it does |
|---|---|
| app.py, listening.py, process.py | starts, drains and stops the whole; its ports, files and log |
| options.py, model_config.py | what can be set, and TensorFlow Serving's text files |
| catalog.py, manager.py | the models, and the life of one model's versions |
| loaded.py | one version: a `serving.model` and the queue before it |
| admission.py, wire.py, limits.py | what a request claims, before anything is made of it |
| batching.py | requests joined into batches |
| http_connections.py, grpc_arrival.py, buffered.py | what slow and many clients may take |
| browsers.py | pages of others, kept out |
| methods.py, classify.py | what is answered, whatever the transport |
| grpc_services.py | the gRPC services |
| rest.py, json_body.py, json_inputs.py, json_outputs.py, workers.py | the REST API and its JSON |
| page.py, web/ | the web page |
| metrics.py | what Prometheus reads |
"""

from serving.server.app import ModelServer, serve

__all__ = ["ModelServer", "serve"]
