"""A FleetService without etcd, whose answers a test sets. The ports are served by real vserds."""
from concurrent import futures

import grpc

from vser.v1 import fleet_service_pb2 as fleet_pb2
from vser.v1 import types_pb2

SERVICE = "vser.v1.FleetService"
PAGE = 2  # ports, so that a few ports need several pages


class Directory:
    """Serves FleetService on a free port of 127.0.0.1. `tls`: (key, certificate), PEM."""

    def __init__(self, tls=None):
        self.ports, self.bridges, self.stale, self.calls = {}, {}, False, []
        self._tls = tls
        self._server = None
        self.address = "127.0.0.1:0"
        self.start()

    def start(self):
        self._server = grpc.server(futures.ThreadPoolExecutor(4))
        methods = {name: grpc.unary_unary_rpc_method_handler(answer, request.FromString, reply.SerializeToString) for
                   name, answer, request, reply in (
                       ("ListFleetPorts", self._list, fleet_pb2.ListFleetPortsRequest, fleet_pb2.ListFleetPortsResponse),
                       ("ListBridges", self._list_bridges, fleet_pb2.ListBridgesRequest, fleet_pb2.ListBridgesResponse),
                       ("Resolve", self._resolve, fleet_pb2.ResolveRequest, fleet_pb2.ResolveResponse))}
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))
        if self._tls:
            number = self._server.add_secure_port(self.address, grpc.ssl_server_credentials([self._tls]))
        else:
            number = self._server.add_insecure_port(self.address)
        self.address = f"127.0.0.1:{number}"
        self._server.start()

    def stop(self):
        self._server.stop(0).wait()

    def add(self, name, address, *, bridge="b1", tls=False, labels=None, online=True, log_id=""):
        state = types_pb2.STATE_ONLINE if online else types_pb2.STATE_OFFLINE
        self.ports[name] = fleet_pb2.FleetPort(name=name, bridge=bridge, address=address, tls=tls, labels=labels or {}, state=state,
                                               log_id=log_id)
        self.bridges[bridge] = fleet_pb2.Bridge(id=bridge, address=address, tls=tls, version="1")

    def _note(self, method, context):
        self.calls.append((method, dict(context.invocation_metadata()).get("authorization")))

    def _status(self):
        return fleet_pb2.FleetStatus(bridge="directory", stale=self.stale, problem="etcd is away" if self.stale else "")

    def _list(self, request, context):
        self._note("list", context)
        names = [name for name in sorted(self.ports) if name > request.page_token]
        more = names[PAGE - 1] if len(names) > PAGE else ""
        return fleet_pb2.ListFleetPortsResponse(ports=[self.ports[name] for name in names[:PAGE]], next_page_token=more,
                                                status=self._status())

    def _list_bridges(self, request, context):
        self._note("bridges", context)
        return fleet_pb2.ListBridgesResponse(bridges=[self.bridges[name] for name in sorted(self.bridges)], status=self._status())

    def _resolve(self, request, context):
        self._note("resolve", context)
        port = self.ports.get(request.port)
        if port is None:
            context.abort(grpc.StatusCode.NOT_FOUND, f"no bridge has a port named {request.port!r}")
        return fleet_pb2.ResolveResponse(address=port.address, bridge=port.bridge, port=port, stale=self.stale)
