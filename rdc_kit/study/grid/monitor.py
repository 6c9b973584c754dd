"""What runs, how far it is, and what was cut off: read from disk, so from any process, any time."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from ...ground import files
from ...ground.folders import runs_dir
from ...ground.manifests import last_sign, note_of, read_manifest, run_folders, status_of
from ...ground.progress import FETCHED, TimeLeft, human_time

COLUMNS = ["kind", "name", "status", "done", "total", "seconds_left", "note", "began", "said"]
_KEPT = 7 * 86400  # seconds that the record of a finished grid stays
_NEEDED = ("name", "pid", "host", "status", "done", "total", "arm", "pace", "began", "said")
_MOST = 100  # records that stay, beside those of grids that run


def _folder() -> Path:
    return runs_dir("progress")


@contextlib.contextmanager
def reported(total: int, name: str = "") -> Iterator[Callable[[int, str], None]]:
    """While it lasts, a file says how far this process's grid is.

    Yields `tell(done, arm)`, to be called before each run: how many are there, and what comes now.

    Args:
        total: runs of the grid. name: of its table.
    """
    path = _folder() / f"{socket.gethostname()}-{os.getpid()}.json"
    facts: dict[str, Any] = {
        "name": " ".join(filter(None, [_caller(), name])),
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "status": "running",
        "done": 0,
        "total": total,
        "arm": "",
        "pace": None,  # seconds per run, of those that were made and not fetched
        "began": files.now(),
    }
    left = TimeLeft(total, fetched=FETCHED)

    def tell(done: int, arm: str) -> None:
        left.tell(done)
        facts.update(done=done, arm=arm, pace=left.pace)
        _write(path, facts)

    _forget_old()
    _write(path, facts)
    try:
        yield tell
        facts["status"] = "ended"
    except BaseException as error:
        facts.update(status="stopped", error=f"{type(error).__name__}: {error}"[:200])
        raise
    finally:
        _write(path, facts)


def _write(path: Path, facts: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):  # a full disk is reported by the runs themselves
        files.write_json(path, dict(facts, said=files.now()))


def _caller() -> str:
    """Name of the notebook that runs here, headless or live, or of the command's verb; or ""."""
    named = os.environ.get("RDC_RUN_DIR") or os.environ.get("JPY_SESSION_NAME")
    if named:
        return Path(named).stem
    program = Path(sys.argv[0])
    ours = program.name == "rdc" or program.parts[-2:] == ("rdc_kit", "__main__.py")
    return f"rdc {sys.argv[1]}" if ours and len(sys.argv) > 1 else ""


def _forget_old() -> None:
    """Remove records that are older than a week, or more than a hundred, but not of what runs."""
    for k, (changed, path) in enumerate(sorted(_dated(), reverse=True)):
        with contextlib.suppress(OSError):
            if time.time() - changed > _KEPT or (k >= _MOST and not _runs(path)):
                path.unlink()


def _dated() -> Iterator[tuple[float, Path]]:
    for path in _folder().glob("[!.]*.json"):
        with contextlib.suppress(OSError):
            yield path.stat().st_mtime, path


def _runs(path: Path) -> bool:
    facts = files.read_record(path, *_NEEDED)
    return facts is not None and facts["status"] == "running" and files.writer_lives(facts)


def progress() -> pd.DataFrame:
    """The grids that run, or ran within a week; one line per process, the latest first.

    Returns:
        Columns COLUMNS. kind is "grid"; status is "running", "ended", "stopped" (by an error or
        by hand, see note) or "interrupted" (its process is gone); seconds_left is an estimate
        while it runs, else missing; note is the arm at work, or the error; began and said (the
        last sign of life) are in UTC.
    """
    found = (files.read_record(path, *_NEEDED) for path in _folder().glob("[!.]*.json"))
    return _frame([_grid_row(facts) for facts in found if facts])


def _grid_row(facts: dict[str, Any]) -> dict[str, Any]:
    status = facts["status"]
    if status == "running" and not files.writer_lives(facts):
        status = "interrupted"
    left = None
    if status == "running" and facts["done"]:
        began, said = (datetime.fromisoformat(facts[key]) for key in ("began", "said"))
        elapsed = (said - began).total_seconds()
        pace = facts["pace"] or elapsed / facts["done"]
        left = round(pace * (facts["total"] - facts["done"]))
    note = facts.get("error") or (facts["arm"] if status != "ended" else "")
    return facts | {"kind": "grid", "status": status, "seconds_left": left, "note": note}


def status() -> pd.DataFrame:
    """`progress` and the notebook runs of this home, the latest first; columns COLUMNS.

    A notebook's note is its error; done, total and seconds_left are its grids' and missing here.
    """
    rows = []
    for folder in run_folders():
        facts = read_manifest(folder)
        row = {"kind": "notebook", "name": folder.name, "status": status_of(facts)}
        row |= {"began": facts.get("started", ""), "note": note_of(facts)}
        rows.append(row | {"said": facts.get("ended") or last_sign(folder)})
    return _frame([*progress().to_dict("records"), *rows])


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=COLUMNS)
    table["note"] = table["note"].fillna("")
    counts = ["done", "total", "seconds_left"]
    table[counts] = table[counts].astype("Int64")
    for moment in ("began", "said"):
        table[moment] = table[moment].str[:19].str.replace("T", " ")
    return table.sort_values("began", ascending=False, kind="stable", ignore_index=True)


def for_people(table: pd.DataFrame) -> pd.DataFrame:
    """The table of `status` as text: "3 of 12" runs, the time left; "" where nothing is known."""
    counts = zip(table["done"], table["total"], strict=True)
    told = table[["kind", "name", "status"]].assign(
        runs=[f"{done} of {total}" if pd.notna(total) else "" for done, total in counts],
        left=[human_time(s) if pd.notna(s) else "" for s in table["seconds_left"]],
        note=table["note"],
        began=table["began"],
        said=table["said"],
    )
    return told.rename(columns={"left": "time left", "began": "began (UTC)", "said": "last sign"})


def as_html(table: pd.DataFrame) -> str:
    """`for_people`, with the moment at which it was read."""
    read = f"<p>Read at {files.now()[11:19]} UTC.</p>"
    if table.empty:
        return f"{read}<p>Nothing has run here yet.</p>"
    told = for_people(table)
    style = "<style>.rdc-runs :is(th, td) {padding: 2px 16px; text-align: left !important}</style>"
    return read + style + told.to_html(index=False, border=0, classes="rdc-runs", justify="left")
