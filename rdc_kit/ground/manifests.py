"""Manifests: the file in which a notebook run records its status, from start to end."""

from __future__ import annotations

import os
import socket
import uuid
from pathlib import Path
from typing import Any

from . import store
from .files import moment, now, read_record, write_json, writer_lives
from .folders import runs_dir

_NAME = "manifest.json"


def run_folders() -> list[Path]:
    """The folders of all notebook runs of this home, data/runs/notebooks/NAME-HASH, sorted."""
    return sorted(path.parent for path in runs_dir("notebooks").glob(f"*/{_NAME}"))


def read_manifest(folder: Path, *needed: str) -> dict[str, Any]:
    """What a notebook run has recorded, status and all; empty where there is nothing, or less."""
    return read_record(folder / _NAME, "status", *needed) or {}


def write_manifest(folder: Path, status: str, **facts: Any) -> str:
    """Set a run's status; "running" begins a new manifest, other statuses complete it.

    Returns:
        The mark of the run, by which `replaced_by` tells it from those after it in its folder.
    """
    if status == "running":
        manifest = {
            "mark": uuid.uuid4().hex,
            "started": now(),
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "git": store.git_state(),
            "versions": store.versions(),
        }
    else:
        manifest = read_manifest(folder) | {"ended": now()}
    write_json(folder / _NAME, {**manifest, **facts, "status": status})
    return str(manifest.get("mark", ""))


def replaced_by(folder: Path, mark: str) -> str:
    """Whose a folder's manifest is, where it is no longer that of the run with a mark; else ""."""
    facts = read_manifest(folder)
    if not facts:
        return "its manifest is gone"
    if facts.get("mark") == mark:
        return ""
    by = "this kernel" if facts.get("pid") == os.getpid() else f"process {facts.get('pid')}"
    return f"{by} has started it again at {facts.get('started')}"


def continue_manifest(folder: Path) -> None:
    """Set the status of a run that had failed back to "running", its error forgotten."""
    path = folder / _NAME
    facts = read_manifest(folder)
    kept = {key: value for key, value in facts.items() if key not in ("ended", "error")}
    write_json(path, {**kept, "status": "running"})


def status_of(manifest: dict[str, Any]) -> str:
    """Status of a notebook run: "ok", "failed", "running", "finished" (all but the runner's last
    word is there) or "interrupted" (its process is gone).

    Args:
        manifest: of the run; empty where it was never started.
    """
    status = manifest.get("status", "never started")
    if status in ("running", "finished") and not writer_lives(manifest):
        return "interrupted"
    return status


def read_status(folder: Path) -> str:
    """`status_of` the run in a folder, data/runs/notebooks/NAME-HASH."""
    return status_of(read_manifest(folder))


def last_sign(folder: Path) -> str:
    """When a notebook run last wrote into its folder, in UTC, to the second; "" for none."""
    written = [_written(path) for path in (folder, *folder.iterdir())] if folder.is_dir() else []
    return moment(max(written)) if any(written) else ""


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # it was moved meanwhile
        return 0.0


def note_of(manifest: dict[str, Any]) -> str:
    """The error of a notebook run; or, while it runs on another machine, that nobody can see it."""
    host = manifest.get("host", socket.gethostname())
    if status_of(manifest) in ("running", "finished") and host != socket.gethostname():
        return f"by its own word, on {host}, which cannot be seen from here"
    return manifest.get("error", "")
