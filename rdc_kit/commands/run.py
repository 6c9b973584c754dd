"""The strict runner: papermill on checked parameters, that sees whether the work was done."""

from __future__ import annotations

import base64
import contextlib
import errno
import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from ..ground import files, locks, places, progress, store
from ..ground.folders import home_dir, runs_dir
from ..ground.manifests import read_manifest, write_manifest
from ..ground.progress import human_time
from ..notebook.answers import is_exercise
from ..study.grid.workers import workers_from
from .finished import heading_now, with_pictures
from .given import UsageError, check_parameters

OK, FAILED, USAGE, LOCKED = 0, 1, 2, 3
_NEEDED = 200 * 10**6  # bytes free before a run starts
_LOOK_EVERY = 0.1  # seconds
_SAY_EVERY = 60.0  # seconds between two lines of a log

# Papermill ends when we are killed, and its kernel then ends by itself: nobody else could say how
# such a run ended. Linux only; elsewhere it goes on to its end, and is not called ok.
# Without rfc3987_syntax, jsonschema checks no web addresses, of which a notebook's format has none;
# to import it takes 0.9 s, half of what papermill needs to start.
# Kernels say errors only: each would begin by warning that others on this machine might listen.
_PAPERMILL = """
import ctypes, os, runpy, signal, sys
if sys.platform == "linux":
    parent = os.getppid()
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(1)
sys.modules["rfc3987_syntax"] = None
from jupyter_client.manager import KernelManager
plain = KernelManager.format_kernel_cmd
KernelManager.format_kernel_cmd = lambda *a, **k: [*plain(*a, **k), "--log-level=ERROR"]
runpy.run_module("papermill", run_name="__main__", alter_sys=True)
"""


def run_notebook(
    notebook: Path | str,
    given: dict[str, str] | None = None,
    timeout: float | None = None,
    workers: str | int = "auto",
) -> int:
    """Execute a notebook headless; prints one line of verdict.

    The executed copy, the tables and the manifest go to data/runs/notebooks/NAME-HASH, the hash
    being that of the notebook and its parameters, so that a second call continues the first.

    Args:
        notebook: path of the .ipynb.
        given: parameters as text.
        timeout: seconds for the whole notebook.
        workers: processes that share each of its grids; see `Experiment.measure`.

    Returns:
        0: `finish` was reached and satisfied. 1: failed. 2: wrong usage. 3: the same run is
        already under way in another process.

    Raises:
        KeyboardInterrupt: stopped by SIGINT or SIGTERM; the run is marked failed.
    """
    notebook = Path(notebook)
    workers_from(workers)
    try:
        parameters = check_parameters(notebook, given or {})
        _check_braces(notebook)
    except UsageError as error:
        return print_verdict(USAGE, str(error))
    key = store.config_hash([notebook.read_text(), parameters])[:8]
    folder = runs_dir("notebooks") / f"{notebook.stem}-{key}"
    try:
        places.require_free_space(folder, _NEEDED)
        with locks.lock(folder, notebook.stem), _signals() as came:
            return _execute(notebook, parameters, folder, timeout, workers, came)
    except locks.Locked as error:
        return print_verdict(LOCKED, str(error))
    except OSError as error:
        return print_verdict(FAILED, f"{notebook.stem}: {disk_error(error)}")


def _check_braces(notebook: Path) -> None:
    """Refuse a path in which papermill would look for the names of parameters."""
    for path in (notebook.resolve(), Path(notebook.name)):  # the copy has the name that was given
        if odd := sorted(set(str(path)) & set("{}")):
            raise UsageError(
                f"{str(path)!r} has {' '.join(odd)} in its path, which papermill takes for the "
                "name of a parameter: rename it, or run a copy elsewhere"
            )


def _execute(
    notebook: Path,
    parameters: dict[str, Any],
    folder: Path,
    timeout: float | None,
    workers: str | int,
    came: list[str],
) -> int:
    write_manifest(folder, "running", name=notebook.stem, parameters=parameters)
    executed = folder / notebook.name
    partial, failed = (folder / f"{notebook.stem}.{how}.ipynb" for how in ("partial", "failed"))
    for left_over in (partial, failed):
        left_over.unlink(missing_ok=True)
    environment = os.environ | {
        "RDC_RUN_DIR": str(folder),
        "RDC_INTERACTIVE": "0",
        "RDC_NOTEBOOK": str(notebook.resolve()),
        "RDC_WORKERS": str(workers),
    }
    environment |= {"PYDEVD_DISABLE_FILE_VALIDATION": "1", "JUPYTER_PLATFORM_DIRS": "1"}
    command = _papermill(notebook.resolve(), partial, parameters)
    tell = None if progress.interactive() else _Log(notebook.stem, partial)
    error = _supervise(command, environment, folder / "papermill.log", timeout, came, tell)
    # The kernel, whose process the manifest names, has ended by now: its word alone counts.
    if not error and read_manifest(folder).get("status") != "finished":
        error = "it ended without reaching finish(...)"
    if error.startswith("papermill") and _only_exercises_failed(folder, partial):
        error = ""
    if error:
        return _failure(error, notebook.stem, folder, partial, failed)
    content = json.loads(partial.read_text("utf-8"))
    content = with_pictures(content, notebook.resolve().parent)
    files.write_text(executed, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    partial.unlink()
    write_manifest(folder, "ok")
    seconds = read_manifest(folder)["seconds"]
    return print_verdict(OK, f"{notebook.stem} ok in {seconds:.0f} s: {executed}")


def _papermill(notebook: Path, executed: Path, parameters: dict[str, Any]) -> list[str]:
    """The command that executes a notebook in its own folder."""
    packed = base64.b64encode(yaml.safe_dump(parameters).encode()).decode()
    return [
        *(sys.executable, "-c", _PAPERMILL, str(notebook), str(executed)),
        *("--kernel", "python3", "--language", "python", "--cwd", str(notebook.parent)),
        *("--parameters_base64", packed),
        "--progress-bar" if progress.interactive() else "--no-progress-bar",
    ]


def _failure(error: str, name: str, folder: Path, partial: Path, failed: Path) -> int:
    """Mark a run as failed and keep the notebook as far as it came, under a name that says so.

    Raises:
        KeyboardInterrupt: it was stopped: somebody wants us to end, and not just this notebook.
    """
    if error.startswith("papermill"):
        error = _last_error(partial) or f"{error}: {_last_line(folder / 'papermill.log')}"
    write_manifest(folder, "failed", error=error)
    if partial.is_file():
        partial.replace(failed)
    code = print_verdict(FAILED, f"{name} FAILED: {error} (see {folder})")
    if error.startswith("stopped by"):
        raise KeyboardInterrupt
    return code


@contextlib.contextmanager
def _signals() -> Iterator[list[str]]:
    """Names of the signals to end that have come, for who waits; they interrupt nothing.

    A batch system sends SIGTERM to all processes, and `rdc study` then sends it again: the second
    must not cut off what the first one began, to end the kernel and to mark the run.

    Raises:
        KeyboardInterrupt: at the end, if one came and nobody has raised it.
    """
    came: list[str] = []

    def note(number: int, frame: Any) -> None:
        came.append(signal.Signals(number).name)

    old = {s: signal.signal(s, note) for s in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield came
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
    if came:
        raise KeyboardInterrupt


def _supervise(
    command: list[str],
    environment: dict[str, str],
    log: Path,
    timeout: float | None,
    came: list[str],
    tell: Callable[[], None] | None,
) -> str:
    """Run papermill in its own process group; returns what went wrong, "" for nothing.

    A signal to us or a timeout ends the whole group, kernel included. `tell` is called meanwhile.
    """
    end = time.monotonic() + (timeout or math.inf)
    with log.open("w") as file:
        output = None if progress.interactive() else file
        child = subprocess.Popen(
            command,
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            while child.poll() is None and not came:
                if time.monotonic() > end:
                    return f"stopped after {timeout:g} s"
                if tell is not None:
                    tell()
                time.sleep(_LOOK_EVERY)
        finally:
            _end_group(child)
    if child.returncode == 0:
        return ""
    return f"stopped by {came[0]}" if came else f"papermill ended with status {child.returncode}"


class _Log:
    """Prints the run's folder, then a line every minute, where no progress bar is shown."""

    def __init__(self, name: str, executed: Path) -> None:
        self.name, self.executed = name, executed
        self.began = self.said = time.monotonic()
        print(f"{name}: in {executed.parent}", flush=True)

    def __call__(self) -> None:
        now = time.monotonic()
        if now - self.said > _SAY_EVERY:
            self.said = now
            parts = [human_time(now - self.began), heading_now(self.executed)]
            print(f"{self.name}: {', '.join(filter(None, parts))}", flush=True)


def _end_group(child: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, number)
            child.wait(3)
        except (ProcessLookupError, PermissionError):
            return
        except subprocess.TimeoutExpired:
            continue


def _only_exercises_failed(folder: Path, executed: Path) -> bool:
    """Whether `finish` was satisfied, and what failed after it are the reader's own exercises.

    Exercise cells are also tagged `raises-exception`, so that all of them run.
    """
    if read_manifest(folder).get("status") != "finished":
        return False
    cells = json.loads(executed.read_text())["cells"] if executed.is_file() else []
    failed = [c for c in cells if any(o["output_type"] == "error" for o in c.get("outputs", []))]
    return bool(failed) and all(map(is_exercise, failed))


def _last_error(executed: Path) -> str:
    """Name and message of the error output that stopped a notebook, "" if there is none."""
    try:
        cells = json.loads(executed.read_text())["cells"]
    except (OSError, ValueError, KeyError):
        return ""
    outputs = [o for c in cells for o in c.get("outputs", []) if o["output_type"] == "error"]
    if not outputs:
        return ""
    message = re.sub(r"\x1b\[[0-9;]*m", "", outputs[-1]["evalue"])
    return f"{outputs[-1]['ename']}: {message}"


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def print_verdict(code: int, line: str) -> int:
    """Print the last line of a verb, to stderr unless all is well; returns the code."""
    print(line, file=sys.stderr if code else sys.stdout, flush=True)
    return code


def disk_error(error: OSError) -> str:
    """What a disk refused, and what to do about it."""
    if error.errno is None:  # one of our own sentences
        return str(error)
    what = f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror)
    at_home = not error.filename or Path(str(error.filename)).is_relative_to(home_dir())
    other = "set RDC_HOME to" if at_home else "name"
    full = f"free some space, or {other} a folder on another disk"
    closed = f"allow writing there, or {other} a folder of your own"
    remedies = {
        errno.ENOSPC: full,
        errno.EDQUOT: full,
        errno.EFBIG: f"raise the limit of `ulimit -f`, or {other} a folder on another disk",
        errno.EACCES: closed,
        errno.EPERM: closed,
        errno.ENOENT: "check the name, or put it there",
        errno.EEXIST: "move it away, or name another place",
        errno.EROFS: f"{other} a folder that can be written",
    }
    remedy = remedies.get(error.errno, "look at the disk")
    return f"{what}: {remedy}; the same call goes on from what is there"
