"""Work that is kept: named by the hash of all it depends on, made once, checked when fetched."""

from __future__ import annotations

import contextlib
import datetime
import errno
import hashlib
import json
import multiprocessing
import os
import socket
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import filelock

from .files import (
    DAMAGED,
    checksum,
    json_value,
    read_json,
    set_aside,
    sweep,
    write_json,
    writer_lives,
)
from .folders import checkout

LOCKS = ".locks"  # folder of the locks of what lies beside it; git and our own lists pass over it
# Part of every cache key: raise it when code changes what a run or a score means.
FORMAT = 3
_RESULT = "result.json"
# Files that only matter until the work is finished.
_PASSING = (".", "checkpoint", "progress", "batch-", "holder", "config", "result")
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
_READ_AGAIN = 1 << 28  # larger files are checked by their size only
_states: dict[Path | None, str] = {}  # of git, by checkout
_PATIENCE = 5.0  # seconds of waiting for another process that nobody needs to hear of


class Locked(RuntimeError):
    """Another process is working on the same thing; the message names it."""


def config_hash(config: Any) -> str:
    """Short stable name of a configuration that JSON can hold (key order does not matter).

    Of what has a `fingerprint()`, such as scores, that stands for it.
    """
    text = json.dumps({"format": FORMAT, "config": config}, sort_keys=True, default=_told)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _told(value: object) -> int | float | str:
    return value.fingerprint() if hasattr(value, "fingerprint") else json_value(value)


@contextlib.contextmanager
def lock(folder: Path, what: str, wait: bool = False) -> Iterator[None]:
    """Hold a folder for one process; the operating system frees it when the process dies.

    Raises:
        Locked: another live process holds it and `wait` is False.
        OSError: files cannot be locked on this disk.
    """
    folder.mkdir(parents=True, exist_ok=True)
    holder = folder / "holder.json"
    try:
        try:
            guard = _acquired(folder / ".lock", _PATIENCE if wait else 0)
        except filelock.Timeout:
            if not wait:
                raise Locked(f"{_at_work(holder, what)}: wait for it or stop it first") from None
            if (read_json(holder) or {}).get("family") != _family():
                print(f"waiting: {_at_work(holder, what)}", file=sys.stderr, flush=True)
            guard = _acquired(folder / ".lock", -1)
    except (NotImplementedError, OSError) as error:
        if isinstance(error, OSError) and error.errno not in _NO_LOCKS:
            raise
        raise OSError(
            f"{folder} is on a disk where files cannot be locked, so two processes might do the "
            "same work: set RDC_HOME to a folder on a local disk (for the evidence, clone to one)"
        ) from error
    try:
        _tell_of_another_host(read_json(holder), what)
        me = {"pid": os.getpid(), "host": socket.gethostname(), "since": now()}
        write_json(holder, me | {"family": _family()})
        yield
    finally:
        with contextlib.suppress(OSError):
            holder.unlink(missing_ok=True)
        guard.release()


def lock_of(table: Path) -> contextlib.AbstractContextManager[None]:
    """Hold a table that is read, changed and written by one process at a time; others wait.

    The lock lies beside the table, where processes meet whatever their RDC_HOME.
    """
    return lock(table.parent / LOCKS / table.name, table.name, wait=True)


def _family() -> str:
    """The same in the workers of one process and in itself: who shares work waits for another."""
    parent = multiprocessing.parent_process()
    return f"{os.getpid() if parent is None else parent.pid} on {socket.gethostname()}"


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


def cached(
    folder: Path, config: dict[str, Any], make: Callable[[Path], Any], wait: bool = True
) -> Path:
    """The folder of finished work of this config; `make` fills it if it does not exist yet.

    Work whose files are not what was written is set aside and made again.

    Args:
        folder: parent of the work's folders, one per config hash.
        config: everything that the work depends on; written into the folder.
        make: called with the work's folder (for checkpoints and files); returns data for JSON,
            which goes into result.json (see `result_of`). If a process dies, the folder has no
            result.json, and the next call continues.
        wait: wait for another process that does the same work.

    Raises:
        Locked: another process does the same work, and `wait` is False.
    """
    home = folder / config_hash(config)
    if _is_whole(home):
        return home
    with lock(home, f"{folder.name} {home.name}", wait):
        if not _is_whole(home):  # another process may have finished it meanwhile
            write_json(home / "config.json", config)
            _write_result(home, make(home))
            sweep(home)  # of those that were killed while they did this work
    return home


def is_done(home: Path) -> bool:
    """Whether the work of a folder is finished."""
    return _read_result(home) is not None


def result_of(home: Path) -> Any:
    """The data that `make` returned, for a folder that `cached` returned."""
    return (_read_result(home) or {"result": None})["result"]


def _write_result(home: Path, result: Any) -> None:
    """The data, with sizes and checksums of all files of the work and of itself."""
    own = [p for p in sorted(home.iterdir()) if p.is_file() and p.suffix != DAMAGED]
    kept = [p for p in own if not p.name.startswith(_PASSING)]
    files = {p.name: [p.stat().st_size, checksum(p)] for p in kept}
    known = json.loads(json.dumps({"result": result, "files": files}, default=json_value))
    write_json(home / _RESULT, known | {"check": _check_of(known)})


def _read_result(home: Path) -> dict[str, Any] | None:
    """What `_write_result` wrote; None where it is absent, or damaged and set aside."""
    found = read_json(home / _RESULT)
    if found is None:
        return None
    parts = ("result", "files", "check")
    if not isinstance(found, dict) or sorted(found) != sorted(parts):
        set_aside(home / _RESULT, "not in the form of this version")
        return None
    if _check_of({"result": found["result"], "files": found["files"]}) != found["check"]:
        set_aside(home / _RESULT, "its numbers have changed since they were written")
        return None
    return found


def _check_of(known: dict[str, Any]) -> int:
    return zlib.crc32(json.dumps(known, sort_keys=True).encode())


def _is_whole(home: Path) -> bool:
    """Whether the work is finished and its files are what was written."""
    found = _read_result(home)
    if found is None:
        return False
    for name, (size, check) in found["files"].items():
        path = home / name
        have = path.stat().st_size if path.is_file() else -1
        if have == size and (size > _READ_AGAIN or checksum(path) == check):
            continue
        if have >= 0:
            set_aside(path, "its content has changed since it was written")
        set_aside(home / _RESULT, f"{name} is not what was written")
        return False
    return True


def now() -> str:
    """The present time in UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def git_state() -> str:
    """Commit of the checkout, "-dirty" when files differ from it, "" outside git.

    As it was when this process, or the one that started it, first asked: later commits are not of
    the code that it runs. The campaign's own rows and scoring runs, which grow while it runs, are
    no difference. Where git says nothing, as of a copy that was sent to a machine without its
    history, RDC_COMMIT says what it is a copy of.
    """
    root = checkout()
    if root is not None and (root / ".git").exists() and root not in _states:
        begin_at(_git_state_of(root))
    return _states.get(root, os.environ.get("RDC_COMMIT", ""))


def begin_at(state: str) -> None:
    """What `git_state` says from now on: in a process, what it says in the one that started it."""
    if state:
        _states[checkout()] = state


def _git_state_of(root: Path) -> str:
    grows = [":!*campaign-*.csv", ":!*again-*.csv", ":!data/evidence/scores/*"]
    return _commit(root, ".", *grows)


def commit_of(path: Path) -> str:
    """Commit of the repository that a file is in, "-dirty" if the file differs, "" outside git."""
    return _commit(path.parent, path.name)


def _commit(root: Path, *paths: str) -> str:
    """Commit of a folder's repository, "-dirty" when these files differ from it."""
    changed = ["diff", "--name-only", "HEAD", "--", *paths]
    said = []
    for words in (["describe", "--always", "--abbrev=12"], changed):
        call = ["git", "-C", str(root), *words]
        try:
            done = subprocess.run(call, capture_output=True, text=True, timeout=20, check=True)
        except (OSError, subprocess.SubprocessError):
            return ""
        said.append(done.stdout.strip())
    return said[0] + "-dirty" * bool(said[1])


def versions() -> dict[str, str]:
    """Versions of the packages that can change a number or a picture."""
    names = ["rdc_kit", "torch", "torchvision", "numpy", "datasets", "pillow", "matplotlib"]
    version_of = {}
    for name in names:
        with contextlib.suppress(metadata.PackageNotFoundError):
            version_of[name] = metadata.version(name)
    return version_of


def versions_in_words() -> str:
    """`versions` as a text for a table, "torch=2.6.0 numpy=2.2.1"."""
    return " ".join(f"{name}={version}" for name, version in versions().items())
