"""Refuse and record whatever would reach beyond this machine, in this Python and in every one that it starts.

Python imports a module of this name as it starts, if one lies on its path. What is refused is written to the file that
the environment variable ``NOTHING_LEAVES`` names: a library that swallows the error is seen all the same.
"""

from __future__ import annotations

import ipaddress
import os
import sys
from typing import Any

NAMES = {"", "localhost", "localhost.localdomain"}
ADDRESSED = {"socket.connect", "socket.sendto", "socket.sendmsg", "socket.bind"}
LOOKED_UP = {
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "socket.gethostbyaddr",
    "socket.getnameinfo",
    "socket.getfqdn",
}


def stays(host: Any) -> bool:
    """Whether a host is this machine's loopback, by a name that needs no look-up or by its address."""
    if host is None:
        return True
    name = host.decode(errors="replace") if isinstance(host, (bytes, bytearray)) else str(host)
    if name.lower() in NAMES:
        return True
    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return False


def guard(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ADDRESSED:
        # (socket, address); the address of a socket file is a text, and None is one that was connected before.
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None
        if event == "socket.bind" and host == "":
            host = "0.0.0.0"
    elif event in LOOKED_UP:
        host = arguments[0]
        if isinstance(host, tuple):
            host = host[0]
    else:
        return
    if stays(host):
        return
    line = f"{event} {host} in {os.getpid()}: {' '.join(sys.argv)[:100]}\n"
    descriptor = os.open(os.environ["NOTHING_LEAVES"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(descriptor, line.encode())
    os.close(descriptor)
    msg = f"nothing leaves this machine: {event} {host}"
    raise PermissionError(msg)


sys.addaudithook(guard)
