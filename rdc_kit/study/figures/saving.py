"""Figures on disk: each with its numbers and where they come from, whole or absent."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from ...ground import files, store
from ...ground.folders import home_dir

_KINDS = ("pdf", "csv", "png")


def figures_dir() -> Path:
    """Folder where figures are saved: figures/ of the checkout, or of RDC_HOME."""
    return home_dir() / "figures"


def save_figure(
    figure: Figure,
    name: str,
    table: pd.DataFrame,
    facts: dict[str, Any] | None = None,
    folder: Path | None = None,
) -> Path:
    """Write NAME.pdf, NAME.png, NAME.csv (the plotted numbers) and NAME.json (their origin).

    The same figure from the same numbers gives the same bytes: no file contains a date. The json is
    written last and has the checksums of the others, so that files of two figures do not pass for
    one (see `figure_is_whole`).

    Args:
        figure: to save.
        name: file name without its ending.
        table: the numbers in the picture.
        facts: such as parameters and seeds; the git state and versions are added.
        folder: `figures_dir()` when left out.

    Returns:
        Path of the png.
    """
    folder = folder or figures_dir()
    facts = {"git": store.git_state(), "versions": store.versions(), **(facts or {})}
    text = json.dumps(facts, sort_keys=True, default=str)
    with files.atomic_path(folder / f"{name}.pdf") as part:
        figure.savefig(part, metadata={"CreationDate": None, "Keywords": text})
    files.write_csv(folder / f"{name}.csv", table)
    with files.atomic_path(folder / f"{name}.png") as part:
        figure.savefig(part, metadata={"Software": None, "Description": text})
    checks = {kind: files.checksum(folder / f"{name}.{kind}") for kind in _KINDS}
    files.write_json(folder / f"{name}.json", {**facts, "checks": checks})
    return folder / f"{name}.png"


def copy_figure(png: Path) -> Path:
    """Copy all files of a saved figure to `figures_dir()`, the json last; returns the new png.

    A figure of the same name is replaced.

    Args:
        png: what `save_figure` returned.
    """
    target = figures_dir() / png.name
    for kind in (*_KINDS, "json"):
        with files.atomic_path(target.with_suffix(f".{kind}")) as part:
            shutil.copyfile(png.with_suffix(f".{kind}"), part)
    return target


def figure_is_whole(png: Path) -> bool:
    """Whether all files of a saved figure are there and belong together."""
    facts = files.read_json(png.with_suffix(".json"))
    checks = facts.get("checks", {}) if isinstance(facts, dict) else {}
    paths = {kind: png.with_suffix(f".{kind}") for kind in _KINDS}
    return all(p.is_file() and files.checksum(p) == checks.get(k) for k, p in paths.items())
