"""Locks: a folder is held by one process, and whoever asks for it is told which."""

from __future__ import annotations

import contextlib
import errno
import multiprocessing
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import filelock

from .files import machine_mark, now, read_json, write_json, writer_lives

_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
_PATIENCE = 5.0  # seconds of waiting for another process that nobody needs to hear of


class Locked(RuntimeError):
    """Another process is working on the same thing; the message names it."""


@contextlib.contextmanager
def lock(folder: Path, what: str, wait: bool = False) -> Iterator[None]:
    """Hold a folder for one process; the operating system frees it when the process dies.

    Raises:
        Locked: another live process holds it and `wait` is False.
        OSError: files cannot be locked on this disk.
    """
    folder.mkdir(parents=True, exist_ok=True)
    holder = folder / "holder.json"
    guard = _guard_of(folder, holder, what, wait)
    try:
        _tell_of_another_host(read_json(holder), what)
        me = {"pid": os.getpid(), "host": socket.gethostname(), "since": now()}
        write_json(holder, me | {"family": _family()})
        yield
    finally:
        with contextlib.suppress(OSError):
            holder.unlink(missing_ok=True)
        guard.release()


def _guard_of(folder: Path, holder: Path, what: str, wait: bool) -> filelock.BaseFileLock:
    """The folder's lock, held; see `lock` for what is raised. Who waits long for it says so."""
    try:
        try:
            return _acquired(folder / ".lock", _PATIENCE if wait else 0)
        except filelock.Timeout:
            if not wait:
                raise Locked(f"{_at_work(holder, what)}: wait for it or stop it first") from None
        if (read_json(holder) or {}).get("family") != _family():
            print(f"waiting: {_at_work(holder, what)}", file=sys.stderr, flush=True)
        return _acquired(folder / ".lock", -1)
    except (NotImplementedError, OSError) as error:
        if isinstance(error, OSError) and error.errno not in _NO_LOCKS:
            raise
        raise OSError(
            f"{folder} is on a disk where files cannot be locked, so two processes might do the "
            "same work: set RDC_HOME to a folder on a local disk (for the evidence, clone to one)"
        ) from error


def _family() -> str:
    """The same in the workers of one process and in itself: who shares work waits for another."""
    parent = multiprocessing.parent_process()
    return f"{os.getpid() if parent is None else parent.pid} on {machine_mark()}"


def _at_work(holder: Path, what: str) -> str:
    """Who holds a lock, as far as it is known."""
    info = read_json(holder)
    if not writer_lives(info):  # who holds it now has not written yet
        info = {}
    return (
        f"{what} is being worked on by process {info.get('pid', '?')} on "
        f"{info.get('host', '?')} since {info.get('since', '?')}"
    )


def _acquired(path: Path, seconds: float) -> filelock.BaseFileLock:
    """A lock that is held, on a disk that would refuse it to a second one.

    Args:
        path: of the lock. seconds: to wait for it; -1 for ever.

    Raises:
        Timeout: another process holds it. OSError: the disk has no locks.
    """
    # Without the system's locks, filelock would take a file's existence for one, which outlives us.
    guard, second = (filelock.FileLock(path, fallback_to_soft=False) for _ in range(2))
    guard.acquire(timeout=seconds)
    try:
        second.acquire(timeout=0)
    except filelock.Timeout:
        return guard
    second.release()
    guard.release()
    raise OSError(errno.ENOTSUP, "two locks at once", str(path))


def _tell_of_another_host(left: Any, what: str) -> None:
    """Say that a process elsewhere has not ended its work as it should: we cannot look at it."""
    if isinstance(left, dict) and left.get("host", socket.gethostname()) != socket.gethostname():
        print(
            f"{what} was left unfinished by process {left.get('pid')} on {left['host']}, which "
            "cannot be seen from here: it goes on here. If that process still runs, locks do not "
            "reach from one machine to the other: stop it, and give each machine its own RDC_HOME",
            file=sys.stderr,
            flush=True,
        )
