"""The verbs runs, claims and figures: they read finished work and train nothing."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from ..ground import files, places, store
from ..ground.folders import data_dir, runs_dir
from ..ground.names import command
from ..study.grid import monitor


def list_runs() -> None:
    """Print every notebook run of this home and how it ended, and how far the grids at work are."""
    known = monitor.for_people(monitor.status())
    notebooks, grids = (known[known["kind"] == kind] for kind in ("notebook", "grid"))
    for _, run in notebooks.sort_values("name").iterrows():
        began = f"{run['began (UTC)']} UTC"
        print(f"{run['status']:12} {began}  {run['name']}  {run['note']}".rstrip())
    for _, grid in grids[grids["status"] == "running"].iterrows():
        left = f", about {grid['time left']} left" if grid["time left"] else ""
        print(f"at work: {grid['name']}: {grid['runs']}{left}, now {grid['note']}")
    trained = sum(store.is_done(home) for home in runs_dir("train").glob("*"))
    told = f"{len(notebooks)} notebooks, {trained} finished trainings"
    print(f"runs: {told} in {data_dir() / 'runs'}")


def print_ledger(where: str, into: Path | None = None) -> None:
    """Print the ledger of claims, or write what is decided into a Markdown file.

    Args:
        where: "runs", "evidence" or a folder with a plan of one's own.
        into: a file with two lines `<!-- ledger -->`; what is between them is replaced.

    Raises:
        ValueError: there is no such file, or it lacks the marks; nothing is computed then.
    """
    from ..study.verdicts.ledger import ledger
    from ..study.verdicts.ledger_text import MARK, as_text, decided, put_into
    from ..study.verdicts.tables import collect

    if into is not None and _text_of(into).count(MARK) != 2:
        raise ValueError(
            f"{into} must be a text file with two lines {MARK!r}, between which the ledger goes"
        )
    table = ledger(collect(where))
    if into is not None:
        text = put_into(into.read_text(), decided(table))
        files.write_text(into, text)
        print(into)
        return
    print(as_text(table))
    counts = table["verdict"].str.split(",").str[0].value_counts()
    print(f"claims: {', '.join(f'{count} {word}' for word, count in counts.items())}")


def _text_of(path: Path) -> str:
    """What a file says; "" where it is no file, or no text."""
    try:
        return path.read_text("utf-8") if path.is_file() else ""
    except UnicodeDecodeError:
        return ""


def remake_figures(where: str, out: Path | None) -> int:
    """Draw the paper's figures from tables; `where` as `print_ledger` takes it.

    Returns:
        0; 1 where nothing is measured that a figure could show.

    Raises:
        FileExistsError: `out` is a file. ValueError: it cannot be made. Nothing is drawn then.
    """
    if out is not None and out.is_file():
        raise FileExistsError(f"{out} is a file: name a folder for the figures")
    if out is not None:
        places.check_place(out)
    from ..study.figures.paper import remake
    from ..study.verdicts.tables import WHERE, collect

    saved = remake(collect(where), out)
    if not saved:
        own = f"evidence --folder {shlex.quote(where)} --minutes 60"
        remedy = f"`{command('study' if where in WHERE else own)}` measures"
        told = f"figures: nothing is measured in {where} that a figure shows: {remedy}"
        print(told, file=sys.stderr)
        return 1
    for path in saved.values():
        print(path)
    print(f"figures: {len(saved)}, each as pdf, png, csv and json")
    return 0
