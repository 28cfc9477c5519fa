"""ML Metadata's gRPC service over a SQLite file, as a cluster has it in front of MySQL.

The Python package has no server, but its C++ store takes and gives every message as bytes.
"""

import concurrent.futures
import contextlib
import threading

import grpc
from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2, metadata_store_service_pb2

_SERVICE = metadata_store_service_pb2.DESCRIPTOR.services_by_name["MetadataStoreService"]


@contextlib.contextmanager
def served(path, signed=None):
    """Serves the store in `path` on loopback, over TLS with a certificate; gives its address."""
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = str(path)
    store = metadata_store.MetadataStore(config)
    lock = threading.Lock()  # the store takes one call at a time

    def answer(method):
        call = getattr(metadata_store.metadata_store_serialized, method)

        def handle(request, context):
            with lock:
                response, message, code = call(store._metadata_store, request)
            if code:
                status = next(status for status in grpc.StatusCode if status.value[0] == code)
                context.abort(status, message.decode())
            return response

        return grpc.unary_unary_rpc_method_handler(handle)

    handlers = {method.name: answer(method.name) for method in _SERVICE.methods if _known(method)}
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
    handler = grpc.method_handlers_generic_handler(_SERVICE.full_name, handlers)
    server.add_generic_rpc_handlers((handler,))
    if signed is None:
        scheme, port = "grpc", server.add_insecure_port("127.0.0.1:0")
    else:
        pair = (signed.key.read_bytes(), signed.certificate.read_bytes())
        credentials = grpc.ssl_server_credentials([pair])
        scheme, port = "grpcs", server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    try:
        yield f"{scheme}://127.0.0.1:{port}"
    finally:
        server.stop(grace=1).wait()


def _known(method):
    return hasattr(metadata_store.metadata_store_serialized, method.name)
