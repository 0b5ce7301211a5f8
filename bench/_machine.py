"""The machine that a benchmark ran on, printed above its figures. A figure without its machine says nothing.

from _machine import print_machine

print_machine("Import of 1.45 million rows")
"""

from __future__ import annotations

import os
import platform
from pathlib import Path

import psutil

from peelian import __version__

GIB = 1 << 30


def cpu_model() -> str:
    """Name of the processor; its architecture where the system doesn't tell."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.lower().startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def cores() -> float:
    """Cores that this process may use: those of its affinity, or fewer by a quota of its control group."""
    affinity = getattr(os, "sched_getaffinity", None)
    usable = float(len(affinity(0)) if affinity else os.cpu_count() or 1)
    quota = Path("/sys/fs/cgroup/cpu.max")
    if quota.exists():
        limit, _, period = quota.read_text().strip().partition(" ")
        if limit != "max":
            usable = min(usable, int(limit) / int(period))
    return usable


def memory() -> int:
    """Bytes of memory that this process may use: the machine's, or fewer by a limit of its control group."""
    total = int(psutil.virtual_memory().total)
    limit = Path("/sys/fs/cgroup/memory.max")
    if limit.exists() and (text := limit.read_text().strip()) != "max":
        total = min(total, int(text))
    return total


def machine() -> dict[str, str]:
    """What a figure depends on, by name."""
    return {
        "cpu": cpu_model(),
        "cores": f"{cores():g}",
        "memory": f"{memory() / GIB:.1f} GiB",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "peelian": __version__,
    }


def print_machine(title: str) -> None:
    """Print the title of a benchmark and the machine, one line each."""
    print(title)
    for name, value in machine().items():
        print(f"  {name}: {value}")


if __name__ == "__main__":
    print_machine("This machine")
