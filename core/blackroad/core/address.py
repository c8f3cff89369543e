"""Addresses, as settings have them: host:port, [v6]:port, or a socket of this machine."""

from ipaddress import ip_address
from typing import Annotated

from pydantic import AfterValidator


def split_address(address: str) -> tuple[str, int]:
    """Return host and port of `host:port` or `[v6]:port`; raise ValueError for anything else."""
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError("must be host:port with a port from 0 to 65535, such as 127.0.0.1:8080")
    return host, int(port)


def is_loopback(address: str) -> bool:
    """Tell whether an address can be reached from this machine only."""
    if address.startswith("unix:"):
        return True
    host = split_address(address)[0].strip("[]")
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _checked(address: str) -> str:
    if not address.startswith("unix:"):
        split_address(address)
    return address


Address = Annotated[str, AfterValidator(_checked)]
