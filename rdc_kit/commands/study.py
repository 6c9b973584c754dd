"""`rdc study`: every notebook of a folder, side by side where there are cores for it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import torch

from ..ground import files, store
from ..ground.device import choose_runtime, free_on, machine_name
from ..ground.folders import notebooks_dir, runs_dir
from ..ground.limits import cores
from ..ground.names import command, unknown
from ..ground.progress import human_time
from ..study.figures.saving import figures_dir
from ..study.grid import monitor
from ..study.grid.workers import most_processes, workers_from
from .given import Parameter, UsageError, check_parameters, declared
from .run import FAILED, OK, USAGE, print_verdict, run_notebook

_MOST = 4  # notebooks at a time
_ON_GPU = 3 * 10**9  # bytes of a GPU that each of them may need
_SAY_EVERY = 10.0  # seconds between two lines of progress
_LOOK_EVERY = 0.2


def run_all(
    given: dict[str, str],
    timeout: float | None = None,
    folder: Path | None = None,
    workers: str | int = "auto",
) -> int:
    """Run every notebook of a folder, each with those parameters that it has.

    Side by side, the first one comes first, for it is where a reader begins; then those that take
    longest, so that none is left alone at the end. Notebooks that only read results come last, when
    all others have ended.

    Args:
        given: parameters as text.
        timeout: seconds for each notebook.
        folder: the kit's own notebooks when left out.
        workers: notebooks at a time; "auto" is one per core, up to 4 and as far as there is free
            memory for them. They share the cores, and what two of them need is made once.

    Returns:
        0 only when all ended ok; else the first code that was not 0.

    Raises:
        ValueError: a wrong number of workers.
    """
    count = workers_from(workers)
    folder = folder or notebooks_dir()
    notebooks = sorted(folder.glob("[0-9]*.ipynb"))
    if not notebooks:
        return print_verdict(USAGE, f"no notebooks in {folder}")
    known = {notebook: declared(notebook) for notebook in notebooks}
    try:
        _check(given, known)
    except UsageError as error:
        return print_verdict(USAGE, f"study: {error}")
    count = count or _at_a_time(given.get("device", "auto"))
    parameters = {
        notebook: {name: text for name, text in given.items() if name in names}
        for notebook, names in known.items()
    }
    began, seconds = time.monotonic(), dict[Path, float]()
    if count == 1:
        _announce(notebooks, count)
        ends = _one_by_one(notebooks, parameters, timeout, seconds)
    else:
        makers, readers = _in_order(known)
        _announce([*makers, *readers], count)
        ends = _side_by_side(makers, parameters, timeout, count, seconds)
        ends |= _side_by_side(readers, parameters, timeout, count, seconds)
    took, codes = time.monotonic() - began, [ends[path] for path in notebooks]
    _keep(given, dict(zip(notebooks, codes, strict=True)), seconds, count, took)
    worst = next((code for code in codes if code), OK)
    ok = f"{codes.count(OK)} of {len(notebooks)} notebooks ok"
    return print_verdict(worst, f"study: {ok} in {human_time(took)}")


def _in_order(known: dict[Path, dict[str, Parameter]]) -> tuple[list[Path], list[Path]]:
    """Notebooks that make results, the first and then the longest ones first; and the readers."""
    makers = [path for path, names in known.items() if "results" not in names]
    readers = [path for path, names in known.items() if "results" in names]
    return [*makers[:1], *sorted(makers[1:], key=minutes, reverse=True)], readers


def _at_a_time(device: str) -> int:
    """Notebooks that this machine, and its GPU if they use it, have cores and memory for."""
    room = [_MOST, most_processes()]
    chosen = choose_runtime(device).device
    if chosen.type == "cuda":
        room.append(free_on(chosen) // _ON_GPU)
    return max(1, min(room))


def _keep(
    given: dict[str, str],
    codes: dict[Path, int],
    seconds: dict[Path, float],
    count: int,
    took: float,
) -> None:
    """Write how long each notebook took, and all together, as runs/study.csv of this home."""
    rows = [(path.stem, code, round(seconds[path], 1)) for path, code in codes.items()]
    rows.append(("all", max(codes.values()), round(took, 1)))
    table = pd.DataFrame(rows, columns=["notebook", "status", "seconds"]).assign(
        dataset=given.get("dataset", ""),
        profile=given.get("profile", ""),
        at_a_time=count,
        cores=cores(),
        machine=machine_name(torch.device("cpu")),
        git=store.git_state(),
    )
    files.write_csv(runs_dir("study.csv"), table)


def _check(given: dict[str, str], known: dict[Path, dict[str, Parameter]]) -> None:
    """Every parameter belongs to a notebook, and has a value that it takes.

    Raises:
        UsageError: one does not.
    """
    names = sorted({name for names in known.values() for name in names})
    for name in given:
        if name not in names:
            raise UsageError(unknown("parameter", name, names))
    for notebook, own in known.items():
        check_parameters(notebook, {name: text for name, text in given.items() if name in own})


def minutes(notebook: Path) -> float:
    """What a notebook says of itself in its metadata, {"rdc": {"minutes": 5}}; 0 if nothing.

    At the small profile, alone on two cores. It decides the order, nothing else.
    """
    return float(json.loads(notebook.read_text())["metadata"].get("rdc", {}).get("minutes", 0))


def _announce(notebooks: list[Path], count: int) -> None:
    """Say what comes, in which order, and where to look."""
    print(f"study: {len(notebooks)} notebooks, {count} at a time, in this order:")
    print("  " + ", ".join(path.stem for path in notebooks))
    alone = sum(map(minutes, notebooks))
    if alone:
        print(f"  about {alone / count:.0f} min on digits at the small profile, on two cores")
    print(f"  pictures come into {figures_dir()}, executed notebooks into {runs_dir('notebooks')}")
    print(f"  `{command('runs')}` in another terminal lists the runs", flush=True)


def _one_by_one(
    notebooks: list[Path],
    parameters: dict[Path, dict[str, str]],
    timeout: float | None,
    seconds: dict[Path, float],
) -> dict[Path, int]:
    """Exit codes of notebooks, run by this process; fills in their seconds."""
    codes: dict[Path, int] = {}
    for path in notebooks:
        began = time.monotonic()
        codes[path] = run_notebook(path, parameters[path], timeout)
        seconds[path] = time.monotonic() - began
    return codes


def _side_by_side(
    notebooks: list[Path],
    parameters: dict[Path, dict[str, str]],
    timeout: float | None,
    count: int,
    seconds: dict[Path, float],
) -> dict[Path, int]:
    """Exit codes of notebooks, `count` at a time, each run by a process; fills in their seconds."""
    waiting, running = list(notebooks), dict[Path, subprocess.Popen[bytes]]()
    codes: dict[Path, int] = {}
    said, shown = time.monotonic(), set(_pictures())
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # a KeyboardInterrupt, too
    try:
        while waiting or running:
            while waiting and len(running) < count:
                path = waiting.pop(0)
                running[path] = _start(path, parameters[path], timeout, count)
                seconds[path] = -time.monotonic()
            for path in [p for p, process in running.items() if process.poll() is not None]:
                code = running.pop(path).returncode
                codes[path] = code if code >= 0 else FAILED  # below 0, a signal ended it
                seconds[path] += time.monotonic()
            for picture in sorted(_pictures() - shown):
                shown.add(picture)
                print(f"picture: {picture}", flush=True)
            if time.monotonic() - said > _SAY_EVERY:
                said = time.monotonic()
                print(_progress(list(running), len(waiting)), flush=True)
            time.sleep(_LOOK_EVERY)
    except KeyboardInterrupt:
        for process in running.values():
            process.terminate()  # it marks its run as failed and ends its kernel
        for process in running.values():
            process.wait()
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
    return codes


def _start(
    path: Path, parameters: dict[str, str], timeout: float | None, count: int
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "rdc_kit", "run", str(path), "--workers", "1"]
    command += [word for pair in parameters.items() for word in ("-p", *pair)]
    command += ["--timeout", str(timeout)] if timeout else []
    threads = str(max(1, cores() // count))
    environment = {"RDC_INTERACTIVE": "0", "OMP_NUM_THREADS": threads}
    # A signal from the keyboard is passed on by this process, once.
    return subprocess.Popen(command, env=os.environ | environment, start_new_session=True)


def _pictures() -> set[Path]:
    return set(figures_dir().glob("[!.]*.png"))  # a name with a dot is still being written


def _progress(running: list[Path], waiting: int) -> str:
    """What runs, and how far it is."""
    grids = monitor.progress()
    parts = []
    for path in running:
        rows = grids[grids["name"].str.startswith(path.stem) & (grids["status"] == "running")]
        done = f": {rows['done'].iloc[0]} of {rows['total'].iloc[0]}" if len(rows) else ""
        parts.append(path.stem + done)
    return f"running {', '.join(parts)}" + (f"; {waiting} more to come" if waiting else "")
