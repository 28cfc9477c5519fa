"""Servers on loopback that answer as a test wants them to."""

import asyncio
import contextlib
import http.server
import threading
import types

import grpc


class _Calls(grpc.GenericRpcHandler):
    def __init__(self, answer):
        self._answer = answer

    def service(self, details):
        async def behaviour(request, context):
            return await self._answer(details.method, request, context)

        return grpc.unary_unary_rpc_method_handler(behaviour)


@contextlib.asynccontextmanager
async def grpc_server(answer, limit=64 * 2**20):
    """HOST:PORT of a server; `answer` is a coroutine function of method, bytes and context."""
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", limit)])
    server.add_generic_rpc_handlers([_Calls(answer)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(0)


@contextlib.asynccontextmanager
async def raw_server(answer):
    """HOST:PORT; `answer` is a coroutine function of a connection's reader and writer."""

    async def connected(reader, writer):
        with contextlib.suppress(ConnectionError):
            await answer(reader, writer)
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield "{}:{}".format(*server.sockets[0].getsockname())
    finally:
        server.close()


@contextlib.contextmanager
def http_server(answer):
    """HOST:PORT of a threaded HTTP/1.1 server; `answer` gets the handler and the request's body."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self):
            answer(self, self.rfile.read(int(self.headers.get("Content-Length", 0))))

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = do_PATCH = handle_one

        def reply(self, status, body=b""):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # a connection that a test breaks is no news
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield "{}:{}".format(*server.server_address)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def running(address="", rest_address=""):
    """What a scenario sees of a server's process."""
    return types.SimpleNamespace(
        address=address, rest_address=rest_address, running=True, rss_mb=100.0, tracebacks=0
    )
