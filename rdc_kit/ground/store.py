"""Atomic files (complete or absent), content hashes, provenance and cached work."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import os
import shutil
import socket
import subprocess
import uuid
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import filelock

from .folders import checkout

# Part of every cache key: raise it when code changes what a run or a score means.
FORMAT = 3
_RESULT = "result.json"


class Locked(RuntimeError):
    """Another process is working on the same thing; the message names it."""


def config_hash(config: Any) -> str:
    """Short stable name of a configuration that JSON can hold (key order does not matter)."""
    text = json.dumps({"format": FORMAT, "config": config}, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def safe_name(text: str) -> str:
    """A short file name for a source such as "folder:/data/my images": letters, digits, dashes."""
    return "".join(c if c.isalnum() else "-" for c in text)[-40:].strip("-")


@contextlib.contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside `path`; move it into place only if the block succeeds.

    Works for files and for folders. An older `path` survives any failure, a full disk included.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.stem}-{uuid.uuid4().hex[:8]}{path.suffix}")
    try:
        yield part
        if part.is_dir():
            old = path.with_name(f".{path.name}-old-{uuid.uuid4().hex[:8]}")
            if path.exists():
                path.rename(old)
            part.rename(path)
            shutil.rmtree(old, ignore_errors=True)
        else:
            with part.open("rb") as file:
                os.fsync(file.fileno())
            part.replace(path)
    finally:
        if part.is_dir():
            shutil.rmtree(part, ignore_errors=True)
        else:
            part.unlink(missing_ok=True)


def write_json(path: Path | str, value: Any) -> None:
    """Write JSON atomically."""
    with atomic_path(path) as part:
        part.write_text(json.dumps(value, indent=1, default=str) + "\n")


def read_json(path: Path | str) -> Any:
    """Read JSON; None when the file is absent."""
    try:
        return json.loads(Path(path).read_text())
    except FileNotFoundError:
        return None


@contextlib.contextmanager
def lock(folder: Path, what: str, wait: bool = False) -> Iterator[None]:
    """Hold a folder for one process; the operating system frees it when the process dies.

    Raises:
        Locked: another live process holds it and `wait` is False.
    """
    folder.mkdir(parents=True, exist_ok=True)
    holder = folder / "holder.json"
    guard = filelock.FileLock(folder / ".lock")
    try:
        guard.acquire(timeout=-1 if wait else 0)
    except filelock.Timeout:
        info = read_json(holder) or {}
        raise Locked(
            f"{what} is being worked on by process {info.get('pid', '?')} on "
            f"{info.get('host', '?')} since {info.get('since', '?')}: wait for it or stop it first"
        ) from None
    try:
        write_json(holder, {"pid": os.getpid(), "host": socket.gethostname(), "since": now()})
        yield
    finally:
        holder.unlink(missing_ok=True)
        guard.release()


def cached(
    folder: Path, config: dict[str, Any], make: Callable[[Path], Any], wait: bool = True
) -> Path:
    """The folder of finished work of this config; `make` fills it if it does not exist yet.

    Args:
        folder: parent of the work's folders, one per config hash.
        config: everything that the work depends on; written into the folder.
        make: called with the work's folder (for checkpoints and files); returns data for JSON,
            which becomes result.json (see `result_of`). If a process dies, the folder has no
            result.json, and the next call continues.
        wait: wait for another process that does the same work.

    Raises:
        Locked: another process does the same work, and `wait` is False.
    """
    home = folder / config_hash(config)
    if is_done(home):
        return home
    with lock(home, f"{folder.name} {home.name}", wait):
        if not is_done(home):  # another process may have finished it meanwhile
            write_json(home / "config.json", config)
            write_json(home / _RESULT, make(home))
    return home


def is_done(home: Path) -> bool:
    """Whether the work of a folder is finished."""
    return (home / _RESULT).is_file()


def result_of(home: Path) -> Any:
    """The data that `make` returned, for a folder that `cached` returned."""
    return read_json(home / _RESULT)


def require_free_space(folder: Path, needed: int) -> None:
    """Stop early, with both numbers, when a disk has less than `needed` bytes free.

    Raises:
        OSError: too little space.
    """
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OSError(
            f"{folder} has {free / 1e6:,.0f} MB free, {needed / 1e6:,.0f} MB are needed: "
            "free some space or set RDC_HOME to a folder on another disk"
        )


def now() -> str:
    """The present time in UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def git_state() -> str:
    """Commit of the checkout, "-dirty" when files differ from it, "" outside git.

    The campaign's own rows, which grow while it runs, do not count as a difference.
    """
    root = checkout()
    if root is None:
        return ""
    changed = ["diff", "--name-only", "HEAD", "--", ".", ":!data/evidence/campaign-*.csv"]
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
