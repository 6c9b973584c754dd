"""Files that are whole or absent: written beside their place, then moved into it."""

from __future__ import annotations

import contextlib
import datetime
import errno
import glob
import json
import os
import re
import shutil
import socket
import sys
import time
import uuid
import zlib
from collections.abc import Iterator
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_BLOCK = 1 << 22
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
DAMAGED = ".damaged"  # at the end of a name: set aside, no part of any work


class Damaged(ValueError):
    """A file is not what was written; the message says which and why."""


# In the name of what is being written: see `machine_mark`, the process, and a number drawn by lot.
_MARK = re.compile(r"-([0-9a-f]{8})-(\d+)-[0-9a-f]{8}(?:\.[^.]*)?$")
_ABANDONED = 7 * 24 * 3600.0  # seconds


def safe_name(text: str) -> str:
    """A short file name for a source such as "folder:/data/my images": letters, digits, dashes."""
    return "".join(c if c.isalnum() else "-" for c in text)[-40:].strip("-")


@contextlib.contextmanager
def atomic_path(path: Path | str, replace: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `path`; move it into place only if the block succeeds.

    Works for files and for folders. An older `path` survives any failure, a full disk included. All
    is on the disk before it gets its name, so that power loss leaves the old or the new one, too. A
    link stays one: what it leads to is replaced.

    Args:
        path: the file or folder.
        replace: an older folder may be replaced; files always may.

    Raises:
        FileExistsError: without `replace`, another process has made the folder meanwhile.
        OSError: the disk does not take it; that it is full is said of `path`.
    """
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    restored(path)
    sweep(path.parent, glob.escape(path.stem), glob.escape(path.suffix))
    mark = f"{machine_mark()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    part = path.with_name(f".{path.stem}-{mark}{path.suffix}")
    try:
        yield part
        for file in [part, *part.rglob("*")] if part.is_dir() else [part]:
            _flush(file)
        if part.is_dir():
            _put_folder(part, path, replace)
        else:
            part.replace(path)
        _flush(path.parent)
    except OSError as error:
        if error.errno in _FULL and error.filename is None:
            error.filename = str(path)  # what writes knows an open file and no name
        raise
    finally:
        with contextlib.suppress(OSError):
            if part.is_dir():
                shutil.rmtree(part, ignore_errors=True)
            else:
                part.unlink(missing_ok=True)
            restored(path)


def _put_folder(part: Path, path: Path, replace: bool) -> None:
    """Give a folder its name; see `atomic_path`, and `restored` for one that is cut off here."""
    old = _old(path)
    if replace and path.exists():
        shutil.rmtree(old, ignore_errors=True)  # of a process killed after its replacement
        path.rename(old)
    try:
        part.rename(path)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        raise FileExistsError(f"{path} exists: another process has made it") from error
    shutil.rmtree(old, ignore_errors=True)


def restored(path: Path) -> Path:
    """The path, with an old folder back in place if a replacement was cut off half-way."""
    real = Path(os.path.realpath(path))
    if (old := _old(real)).is_dir() and not real.exists():
        old.rename(real)
    return path


def _old(path: Path) -> Path:
    return path.with_name(f".{path.name}.old")


def sweep(folder: Path, stem: str = "*", suffix: str = "") -> None:
    """Remove what was half-written by processes of this host that are gone.

    And by those of other hosts, which cannot be seen from here (a job that was started again on
    another node, a container that is no more), where nothing was written for a week.

    Args:
        folder: where it lies. stem, suffix: patterns of the names; any when left out.
    """
    for part in folder.glob(f".{stem}-*{suffix}"):
        if not (mark := _MARK.search(part.name)):
            continue
        host, owner = mark[1], int(mark[2])
        with contextlib.suppress(OSError):
            if not alive(owner) if host == machine_mark() else _unchanged_for(part) > _ABANDONED:
                shutil.rmtree(part) if part.is_dir() else part.unlink()


def _unchanged_for(part: Path) -> float:
    """Seconds since a file, or any file of a folder, was last written."""
    inside = part.rglob("*") if part.is_dir() else ()
    return time.time() - max(path.stat().st_mtime for path in (part, *inside))


def machine_mark() -> str:
    """Where a process's number means that process, eight hex digits: a host and its container.

    Names of hosts are given twice, to cloned machines and to a host and what shares its network.
    The same after a restart of the machine, where what was half-written can be removed at once.
    """
    told = [socket.gethostname()]
    with contextlib.suppress(OSError):  # Linux alone has them
        told.append(_text(Path("/etc/machine-id")).strip())
    with contextlib.suppress(OSError):
        told.append(os.readlink("/proc/self/ns/pid"))  # a container has its own numbers
    return f"{zlib.crc32(' '.join(told).encode()):08x}"


def _flush(path: Path) -> None:
    """Have a file or a folder's list of names on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def alive(pid: int, host: str | None = None) -> bool:
    """Whether a process runs; one of another host counts as running, since we cannot see it."""
    if host not in (None, socket.gethostname()):
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def now() -> str:
    """The present time in UTC, to the second."""
    return moment(time.time())


def moment(seconds: float) -> str:
    """A time in seconds since 1970 as UTC, to the second."""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat(timespec="seconds")


def writer_lives(record: Any) -> bool:
    """Whether the process runs that a record {"pid": ..., "host": ...} names; False if none."""
    pid = record.get("pid") if isinstance(record, dict) else None
    return isinstance(pid, int) and pid > 0 and alive(pid, record.get("host"))


def write_csv(path: Path | str, table: pd.DataFrame) -> None:
    """Write a table without its index, in whole or not at all."""
    with atomic_path(path) as part:
        table.to_csv(part, index=False)


def write_text(path: Path | str, text: str) -> None:
    """Write a text as UTF-8, in whole or not at all."""
    with atomic_path(path) as part:
        part.write_text(text, encoding="utf-8")


def write_json(path: Path | str, value: Any) -> None:
    """Write JSON, in whole or not at all."""
    write_text(path, json.dumps(value, indent=1, default=json_value) + "\n")


def json_value(value: object) -> int | float | str:
    """What JSON says of a value that it does not know: numpy's number as one, else the text."""
    if isinstance(value, Integral):
        return int(value)
    return float(value) if isinstance(value, Real) else str(value)


def read_json(path: Path | str) -> Any:
    """Read JSON; None when the file is absent, or damaged and therefore set aside."""
    path = Path(path)
    try:
        return json.loads(_text(path))
    except (FileNotFoundError, NotADirectoryError):  # such as below a Mac's .DS_Store
        return None
    except ValueError as error:  # no JSON, or no text
        set_aside(path, str(error))
        return None


def _text(path: Path) -> str:
    """A file's text; asked for twice where a network disk's other machine has just replaced it."""
    try:
        return path.read_text()
    except OSError as error:
        if error.errno != errno.ESTALE:
            raise
        return path.read_text()


def read_record(path: Path, *needed: str) -> dict[str, Any] | None:
    """Read a JSON object; None when it is absent, or without what is needed and so set aside."""
    found = read_json(path)
    if found is None or (isinstance(found, dict) and found.keys() >= set(needed)):
        return found
    set_aside(path, f"it has no {', '.join(needed)}")
    return None


def set_aside(path: Path, why: str) -> None:
    """Move a damaged file or folder out of the way, and say so; what it held is made again."""
    away = path.with_name(f"{path.name}{DAMAGED}")
    with contextlib.suppress(OSError):
        if away.is_dir():
            shutil.rmtree(away)
        path.replace(away)
    print(f"{path} is damaged ({why}): set aside as {away.name}", file=sys.stderr, flush=True)


def stamp(path: Path) -> tuple[int, ...]:
    """Size and two times, ns, of a file; zeros for a link that leads nowhere.

    The second time is that of the last change of any kind. Whoever writes other bytes of the same
    length and sets the first time back, as some copying programs do, cannot set this one. A file's
    number is not among them: memory sticks and network disks give new ones at each mount.
    """
    try:
        facts = path.stat()
    except OSError:
        return 0, 0, 0
    return facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns


def files_below(folder: Path) -> list[Path]:
    """Everything below a folder that is no folder, sorted; links to folders are followed, once.

    Raises:
        OSError: a folder cannot be listed; what is in it would be missing in silence.
    """
    found, seen = [], set()
    for place, inner, names in os.walk(folder, onerror=_refused, followlinks=True):
        inner.sort()
        real = os.path.realpath(place)
        if real in seen:  # a link that leads back
            inner.clear()
            continue
        seen.add(real)
        found += [Path(place) / name for name in names]
    return sorted(found)


def _refused(error: OSError) -> None:
    raise error


def checksum(path: Path) -> int:
    """CRC-32 of a file's bytes."""
    total = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            total = zlib.crc32(block, total)
    return total
