"""A whole notebook run is killed at moments spread over its life; what is called ok is whole."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import nbformat

from rdc_kit.ground import files
from rdc_kit.ground.manifests import read_status

CELLS = [
    "import rdc_kit as rdc\nfrom rdc_kit.study.grid import arms\nrun = rdc.start()",
    'table = run.measure(run.experiment("runs", [arms.Arm("random"), arms.Arm("el2n")]))',
    "rdc.finish(run)",
]


def disturbed_runs(folder: Path, times: int) -> dict[str, Any]:
    """A row of the table: the runner killed, and what that left.

    Args:
        folder: an empty one. times: moments, spread evenly over an undisturbed run.
    """
    folder.mkdir(parents=True)
    notebook = folder / "05_tiny.ipynb"
    parameters = 'dataset: str = "digits"\nsize: int = 16\nepochs: int = 5\nprofile: str = "smoke"'
    tagged = nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})
    cells = [tagged, *(nbformat.v4.new_code_cell(text) for text in CELLS)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), notebook)
    began = time.monotonic()
    expected = _undisturbed(notebook, folder / "quiet")
    took = time.monotonic() - began
    lost = []
    for k in range(times):
        what = _killed_after(notebook, folder / f"home{k}", took * (k + 0.5) / times, expected)
        lost += [f"moment {k}: {what}"] if what else []
    row = {"act": "notebook run", "fault": "runner killed, once", "tried": times}
    return row | {"lost": len(lost), "first": lost[0] if lost else ""}


def _call(notebook: Path) -> list[str]:
    return [sys.executable, "-m", "rdc_kit", "run", str(notebook), "--workers", "1"]


def _undisturbed(notebook: Path, home: Path) -> str:
    environment = os.environ | {"RDC_HOME": str(home)}
    subprocess.run(_call(notebook), env=environment, check=True, capture_output=True)
    return _numbers(home)


def _numbers(home: Path) -> str:
    (table,) = home.glob("data/runs/notebooks/*/runs.csv")
    head, *rows = (line.split(",") for line in table.read_text().splitlines())
    kept = [head.index(name) for name in ("arm", "seed", "top1", "hits")]
    return str([[row[k] for k in kept] for row in rows if len(row) == len(head)])


def _killed_after(notebook: Path, home: Path, seconds: float, expected: str) -> str:
    """What a kill after so many seconds has lost; "" for nothing."""
    environment = os.environ | {"RDC_HOME": str(home)}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    runner = subprocess.Popen(_call(notebook), env=environment, **quiet)  # type: ignore[call-overload]
    try:
        runner.wait(seconds)
    except subprocess.TimeoutExpired:
        runner.send_signal(signal.SIGKILL)
        runner.wait()
    time.sleep(4)  # for its kernel to notice
    for manifest in home.glob("data/runs/notebooks/*/manifest.json"):
        facts, said = json.loads(manifest.read_text()), read_status(manifest.parent)
        if said in ("running", "finished") and files.alive(facts["pid"]):
            return f"its kernel goes on: {said}"
        if said == "ok" and not (manifest.parent / notebook.name).is_file():
            return "called ok without an executed notebook"
    done = subprocess.run(_call(notebook), env=environment, capture_output=True, text=True)
    if done.returncode:
        return f"the next call fails: {done.stderr[-500:]}"
    return "" if _numbers(home) == expected else "the next call ends with other numbers"
