"""Cores and memory that this process may use: what its job or container allows of a machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_GROUPS = Path("/proc/self/cgroup")  # the control groups of this process, a line for each hierarchy
_ROOT = Path("/sys/fs/cgroup")


def cores() -> int:
    """Cores that this process may use, at least 1: its affinity, and the quota of its job."""
    own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [own]
    for folder in _folders():
        quota, period = [*_words(folder / "cpu.max"), "", ""][:2]
        if not quota:  # the first version of control groups has a file for each
            quota, period = (
                " ".join(_words(folder / f"cpu.cfs_{what}_us")) for what in ("quota", "period")
            )
        if quota.isdigit() and period.isdigit():  # without a limit, "max" or -1
            quotas.append(int(quota) // int(period))
    return max(1, min(quotas))


def free_memory() -> int:
    """Bytes that this process may still take: what the machine has free, and its job's limit."""
    import psutil  # late: only grids ask

    free = [psutil.virtual_memory().available]
    for folder in _folders():
        for most, used in (
            ("memory.max", "memory.current"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        ):
            limit, taken = (" ".join(_words(folder / name)) for name in (most, used))
            if limit.isdigit() and taken.isdigit():
                stat = _words(folder / "memory.stat")
                facts = dict(zip(stat[::2], stat[1::2], strict=True))
                # Files that were read and can be forgotten count as taken.
                free.append(int(limit) - int(taken) + int(facts.get("inactive_file", 0)))
    return max(0, min(free))


def _folders() -> Iterator[Path]:
    """The control groups of this process and those above them, where limits may be set too."""
    try:
        lines = _GROUPS.read_text().splitlines()
    except OSError:  # no Linux
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        base = _ROOT / controllers if controllers else _ROOT
        own = base / path.lstrip("/")
        yield from (p for p in (own, *own.parents) if p.is_relative_to(base) and p.is_dir())


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []
