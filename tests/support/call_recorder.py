"""A gRPC server that answers every call with an empty message and records the metadata that clients send."""
from concurrent import futures

import grpc


class CallRecorder(grpc.GenericRpcHandler):
    """`folder` holds server.crt and server.key, for the TLS address. The others are unix: and plain addresses."""

    def __init__(self, folder):
        self.calls = []  # (method, value of authorization or None)
        self._server = grpc.server(futures.ThreadPoolExecutor(4))
        self._server.add_generic_rpc_handlers((self,))
        pair = ((folder / "server.key").read_bytes(), (folder / "server.crt").read_bytes())
        credentials = grpc.ssl_server_credentials([pair])
        self.tls = f"localhost:{self._server.add_secure_port('127.0.0.1:0', credentials)}"
        self.plain = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self.unix = f"unix:{folder}/vserd.sock"
        self._server.add_insecure_port(self.unix)
        self._server.start()

    def service(self, details):
        values = dict(details.invocation_metadata)
        self.calls.append((details.method.rpartition("/")[2], values.get("authorization")))
        if details.method.endswith("/Attach"):
            return grpc.stream_stream_rpc_method_handler(lambda requests, context: context.abort(grpc.StatusCode.NOT_FOUND, "none"))
        if details.method.endswith("/WatchPorts"):
            return grpc.stream_stream_rpc_method_handler(lambda requests, context: iter([b""]))
        return grpc.unary_unary_rpc_method_handler(lambda request, context: b"")

    def stop(self):
        self._server.stop(None).wait()
