"""The model of who may do what: each rpc with the role that its proto says it needs, and the answer to a client with another role."""
import importlib
import pkgutil

import vser.v1
from vser.v1 import rights_pb2

ROLES = ["none", "list", "read", "write", "control", "admin"]
# Which ask first whether the rules grant the client anything.
ABOUT_NO_PORT = ["GetServerInfo", "ListFleetPorts", "ListBridges", "WatchFleet", "Resolve"]
ALLOWED, NOT_FOUND, DENIED = "allowed", "NotFound", "PermissionDenied"


def rpcs():
    """{(service, rpc): the least role}, from the options of the protos."""
    found = {}
    for module in pkgutil.iter_modules(vser.v1.__path__):
        if module.name.endswith("_service_pb2"):
            file = importlib.import_module(f"vser.v1.{module.name}").DESCRIPTOR
            for service in file.services_by_name.values():
                for rpc in service.methods:
                    needed = rights_pb2.Role.Name(rpc.GetOptions().Extensions[rights_pb2.needs])
                    found[service.full_name, rpc.name] = needed.removeprefix("ROLE_").lower()
    return found


def allows(role, needed):
    return ROLES.index(role) >= ROLES.index(needed)


def answer(role, rpc, needed):
    """What a client with that role gets."""
    if allows(role, needed) or rpc == "ListPorts" and role == "none":
        return ALLOWED  # it leaves out what the client may not see
    if role == "none" and rpc not in ABOUT_NO_PORT:
        return NOT_FOUND
    return DENIED
