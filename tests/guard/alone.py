"""Run a Python program in a network namespace that holds nothing but loopback; say if it tried to go elsewhere.

The kernel counts, for each namespace, what it had no route for: also what libraries in C tried.
"""

from __future__ import annotations

import fcntl
import socket
import struct
import subprocess
import sys
from pathlib import Path

LEFT = 77
"""Exit status where something had no route."""


def loopback_up() -> None:
    with socket.socket() as handle:
        up = struct.pack("16sH14x", b"lo", 0x1 | 0x40)  # IFF_UP | IFF_RUNNING
        fcntl.ioctl(handle, 0x8914, up)  # SIOCSIFFLAGS


def without_route() -> int:
    lines = [
        line.split() for line in Path("/proc/net/snmp").read_text().splitlines() if line.startswith("Ip:")
    ]
    found = int(dict(zip(*lines, strict=True))["OutNoRoutes"])
    for line in Path("/proc/net/snmp6").read_text().splitlines():
        name, _, number = line.partition(" ")
        found += int(number) if name == "Ip6OutNoRoutes" else 0
    return found


if __name__ == "__main__":
    loopback_up()
    before = without_route()
    finished = subprocess.run([sys.executable, *sys.argv[1:]], check=False)
    print("attempts that had no route:", without_route() - before, file=sys.stderr)
    sys.exit(LEFT if without_route() > before else finished.returncode)
