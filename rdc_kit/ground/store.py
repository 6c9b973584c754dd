"""Work that is kept: named by the hash of all it depends on, made once, checked when fetched."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import zlib
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from .files import (
    DAMAGED,
    checksum,
    json_value,
    now,
    read_json,
    set_aside,
    sweep,
    write_json,
)
from .folders import checkout
from .locks import lock

LOCKS = ".locks"  # folder of the locks of what lies beside it; git and our own lists pass over it
# Part of every cache key: raise it when code changes what a run or a score means.
FORMAT = 3
_RESULT = "result.json"
# Files that only matter until the work is finished.
_PASSING = (".", "checkpoint", "progress", "batch-", "holder", "config", "result")
_READ_AGAIN = 1 << 28  # larger files are checked by their size only
_GROWS = (":!*campaign-*.csv", ":!*again-*.csv", ":!data/evidence/scores/*")  # grow as it works
_states: dict[Path | None, str] = {}  # of git, by checkout


def config_hash(config: Any) -> str:
    """Short stable name of a configuration that JSON can hold (key order does not matter).

    Of what has a `fingerprint()`, such as scores, that stands for it.
    """
    text = json.dumps({"format": FORMAT, "config": config}, sort_keys=True, default=_told)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _told(value: object) -> int | float | str:
    return value.fingerprint() if hasattr(value, "fingerprint") else json_value(value)


def lock_of(table: Path) -> contextlib.AbstractContextManager[None]:
    """Hold a table that is read, changed and written by one process at a time; others wait.

    The lock lies beside the table, where processes meet whatever their RDC_HOME.
    """
    return lock(table.parent / LOCKS / table.name, table.name, wait=True)


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


def finished_at(home: Path) -> str:
    """When the work of a folder was finished, in UTC, to the second; "" where nobody knows.

    As the work itself says it: a copy of a folder has other dates.
    """
    return (_read_result(home) or {}).get("finished", "")


def result_of(home: Path) -> Any:
    """The data that `make` returned, for a folder that `cached` returned."""
    return (_read_result(home) or {"result": None})["result"]


def _write_result(home: Path, result: Any) -> None:
    """The data, with sizes and checksums of all files of the work and of itself."""
    own = [p for p in sorted(home.iterdir()) if p.is_file() and p.suffix != DAMAGED]
    kept = [p for p in own if not p.name.startswith(_PASSING)]
    files = {p.name: [p.stat().st_size, checksum(p)] for p in kept}
    known = json.loads(json.dumps({"result": result, "files": files}, default=json_value))
    write_json(home / _RESULT, known | {"check": _check_of(known), "finished": now()})


def _read_result(home: Path) -> dict[str, Any] | None:
    """What `_write_result` wrote; None where it is absent, or damaged and set aside."""
    found = read_json(home / _RESULT)
    if found is None:
        return None
    parts = {"result", "files", "check"}
    if not isinstance(found, dict) or found.keys() - {"finished"} != parts:
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


def git_state() -> str:
    """Commit of the checkout, "-dirty" when files differ from it, "" outside git.

    As it was when this process, or the one that started it, first asked: later commits are not of
    the code that it runs. The campaign's own rows and scoring runs, which grow while it runs, are
    no difference. Where git says nothing, as of a copy that was sent to a machine without its
    history, RDC_COMMIT says what it is a copy of.
    """
    root = checkout()
    if root is not None and (root / ".git").exists() and root not in _states:
        begin_at(_commit(root, ".", *_GROWS))
    return _states.get(root, os.environ.get("RDC_COMMIT", ""))


def begin_at(state: str) -> None:
    """What `git_state` says from now on: in a process, what it says in the one that started it."""
    if state:
        _states[checkout()] = state


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
