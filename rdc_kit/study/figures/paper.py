"""The paper's figures, drawn again from tables of results: this trains and loads nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from ...ground import files
from ..grid.arms import ablation_parts
from ..verdicts.comparable import both_labels_rows, first_look_rows, window_rows
from ..verdicts.ledger import ledger
from ..verdicts.metrics import soft_hard_gaps
from ..verdicts.published import published
from ..verdicts.tables import PLANNED, SETTING, Tables
from . import arms, base, difficulty, entropy, methods, robustness, saving
from .ledger import ledger_figure
from .room import room_figure, steps_by_room

Draw = Callable[[pd.DataFrame, Tables], Figure]


@dataclass(frozen=True)
class Remade:
    """A figure of the paper, and the table it is drawn from.

    Attributes:
        name: of its files.
        shows: which figure or table of the paper.
        table: "NN/NAME" of the results, or PLANNED.
        draw: function from the rows of one setting, and all results, to the figure.
        merge: settings that share a figure.
        arm: key of an arm; a setting without it is not drawn, such as one where only arms that are
            compared with it were trained.
        grids: each grid of composites is a drawing of its own, told by the arms of PCA that have
            this word, "" for all of them; None where grids are lines of one drawing.
        chosen: which rows of a setting are drawn, all if left out; without any there is no drawing.
    """

    name: str
    shows: str
    table: str
    draw: Draw
    merge: tuple[str, ...] = ()
    arm: str = ""
    grids: str | None = None
    chosen: Callable[[pd.DataFrame], pd.DataFrame] | None = None


def _labels(rows: pd.DataFrame, results: Tables) -> Figure:
    usual = rows[rows["protocol"].isin(["hard", "soft"])]
    return methods.labels_figure(usual, published(dataset="imagenet-1k", protocol="rethinkdc"))


def _first_look(rows: pd.DataFrame, results: Tables) -> Figure:
    reference = published(dataset="imagenet-1k", labels="hard", protocol="rethinkdc")
    return arms.first_look(rows, reference)


def _gaps(rows: pd.DataFrame, results: Tables) -> Figure:
    title = f"{base.caption(rows)}\n{base.seeds_note(rows, '')}"
    return methods.gaps_figure(soft_hard_gaps(rows), title)


def _curve(rows: pd.DataFrame, results: Tables) -> Figure:
    """The curve, with the r* of the notebook for the same setting."""
    ratios = results.get("03/critical")
    keys = [key for key in ("dataset", "size", "ipc", "profile") if key in ratios and key in rows]
    same = ratios[(ratios[keys] == rows[keys].iloc[0]).all(axis=1)].drop_duplicates("set")
    critical = same.set_index("set")[["r", "low", "high"]].T.to_dict()
    return entropy.curve_figure(_observed(rows, results), critical, "random")


def _observed(rows: pd.DataFrame, results: Tables) -> pd.DataFrame:
    """The rows with the observer and the ipc that the same notebook's sets have, if it is one."""
    sets = results.get("03/sets")
    keys = [key for key in ("dataset", "size", "ipc", "profile") if key in sets and key in rows]
    same = sets[(sets[keys] == rows[keys].iloc[0]).all(axis=1)]
    told = [name for name in ("ipc", "observer") if name in same and same[name].nunique() == 1]
    return rows.assign(**{name: same[name].iloc[0] for name in told})


def _ablations(rows: pd.DataFrame, results: Tables) -> Figure:
    present = set(rows["arm"])
    grid = _grids_of(rows, _WHOLE)[0]
    questions = ablation_parts(int(rows["ipc"].max()), int(grid.partition("x")[0]))
    parts = {name: [a for a in group if a.key in present] for name, group in questions.items()}
    compared = {name: group for name, group in parts.items() if len(group) > 1}
    alone = {name: group for name, group in parts.items() if group}
    return arms.ablation_figure(rows, compared or alone)


_USUAL = "2x2"
_WHOLE = "view=whole"  # of the arms that tell which grid the ablations are of
REMADE = [
    Remade("first_look", "Table 5, Figure 1 in small", "00/runs", _first_look),
    Remade("soft_vs_hard", "Figures 1, 2; Tables 3-5", "01/runs", _labels, ("ipc",)),
    Remade("orders", "Tables 6, 24", "02/runs", lambda t, _: arms.orders_figure(t), ("ipc",)),
    Remade("entropy", "Figure 3", "03/sets", lambda t, _: entropy.entropy_figure(t, {}), grids=""),
    Remade("curve", "Theorem 4.2", "03/curve", _curve),
    Remade("crops", "Table 11", "04/sweep", lambda t, _: arms.crops_figure(t), grids=""),
    Remade("ablations", "Tables 7, 11, 12, 24", "05/runs", _ablations, arm="pca", grids=_WHOLE),
    Remade(
        "architectures",
        "Table 8",
        "06/runs",
        lambda t, _: arms.architectures_figure(t),
        ("student",),
    ),
    Remade("gaps", "Table 20", "01/runs", _gaps, ("ipc",)),
    Remade("price", "the price of labels", "07/price", lambda t, _: methods.price_figure(t)),
    Remade("stress", "open questions", "08/stress", lambda t, _: robustness.stress_figure(t)),
    Remade("planned_first_look", "Table 5", PLANNED, _first_look, chosen=first_look_rows),
    Remade(
        "planned_soft_vs_hard", "Figures 1, 2", PLANNED, _labels, ("ipc",), chosen=both_labels_rows
    ),
    Remade("planned_gaps", "Table 20", PLANNED, _gaps, ("ipc",), chosen=both_labels_rows),
    Remade(
        "planned_windows",
        "which difficulty is best",
        PLANNED,
        lambda t, _: difficulty.windows_figure(t),
        ("ipc",),
        chosen=window_rows,
    ),
]


def remake(results: Tables, folder: Path | None = None) -> dict[str, Path]:
    """Draw every figure that has results, the ledger's, and that of room.

    Each is saved as pdf, png, csv (the plotted numbers) and json (git, versions, setting, seeds,
    and the hash of every file that was read). The same results give the same bytes.

    Args:
        results: from `collect`.
        folder: figures/paper of the home when left out.

    Returns:
        Name of each figure -> its png.
    """
    folder = folder or saving.figures_dir() / "paper"
    saved = {}
    with base.styled():
        for name, figure, rows, facts in _figures(results):
            saved[name] = saving.save_figure(figure, name, rows, facts, folder)
            plt.close(figure)
    return saved


def _figures(results: Tables) -> Iterator[tuple[str, Figure, pd.DataFrame, dict[str, Any]]]:
    for one in REMADE:
        for rows in _settings(one, results):
            facts = {"shows": one.shows, "inputs": results.inputs(one.table, rows)} | _provenance(
                rows
            )
            yield _name(one, rows), one.draw(rows, results), rows, facts
    table = ledger(results)
    if table["low"].notna().any():
        inputs = {k: v for t in sorted(set(table["table"])) for k, v in results.inputs(t).items()}
        inputs |= results.campaign()
        shown = table.drop(columns="labels")  # no mark tells of them
        yield "ledger", ledger_figure(table), shown, {"shows": "all claims", "inputs": inputs}
    steps = steps_by_room(table)
    if len(steps):
        facts = {"shows": "what each step is worth, by room", "inputs": results.campaign()}
        yield "room", room_figure(steps), steps, facts


def _settings(one: Remade, results: Tables) -> list[pd.DataFrame]:
    """The rows of each drawing; of a smoke run only where no other run has that setting.

    Its numbers mean nothing, and the name of a figure does not tell it from the real one.
    """
    groups = [part for rows in results.groups(one.table, one.merge) for part in _split(one, rows)]
    if one.chosen is not None:
        groups = [rows for group in groups if len(rows := one.chosen(group))]
    drawn = [rows for rows in groups if not one.arm or one.arm in set(rows["arm"])]
    real = {_name(one, rows) for rows in drawn if not _is_smoke(rows)}
    return [rows for rows in drawn if not _is_smoke(rows) or _name(one, rows) not in real]


def _split(one: Remade, rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """The rows of each grid, with those of all other methods and, if grids are compared, of all."""
    grids = [] if one.grids is None else _grids_of(rows, one.grids)
    if len(grids) < 2:
        yield rows
        return
    for grid in grids:
        yield rows[[_belongs(key, grid, bool(one.grids)) for key in rows["arm"]]]


def _belongs(key: str, grid: str, compared: bool) -> bool:
    """Whether an arm is in the drawing of a grid, where others may be compared with it."""
    method, *words = key.split()
    plain = all(word.startswith("grid=") for word in words)
    return method != "pca" or _grid_of(key) == grid or (compared and plain)


def _grids_of(rows: pd.DataFrame, word: str) -> list[str]:
    """Grids of the composites, "2x2", in order; see `Remade.grids`."""
    keys = rows["arm"].unique() if "arm" in rows else []
    told = [key for key in keys if key.split()[0] == "pca" and word in key]
    return sorted({_grid_of(key) for key in told}) or [_USUAL]


def _grid_of(key: str) -> str:
    return next((w.removeprefix("grid=") for w in key.split() if w.startswith("grid=")), _USUAL)


def _is_smoke(rows: pd.DataFrame) -> bool:
    return bool(rows["profile"].iloc[0] == "smoke")


def _provenance(rows: pd.DataFrame) -> dict[str, Any]:
    """What the rows record: their setting, their seeds, and the code that made them."""
    keys = [key for key in (*SETTING, "seed", "git", "versions") if key in rows]
    return {f"rows_{key}": sorted(map(str, set(rows[key].dropna()))) for key in keys}


def _name(one: Remade, rows: pd.DataFrame) -> str:
    parts = [one.name, files.safe_name(str(rows["dataset"].iloc[0])), f"{rows['size'].iloc[0]}px"]
    shown = {"ipc": "ipc{}", "epochs": "{}epochs", "student": "{}"}
    for key, form in shown.items():
        if key in rows and key not in one.merge:
            # Of an arm that stores less than it may, ipc is smaller.
            parts.append(form.format(rows[key].max() if key == "ipc" else rows[key].iloc[0]))
    if one.grids is not None and (grid := _grids_of(rows, one.grids)[0]) != _USUAL:
        parts.append(f"grid{grid}")
    return "-".join(parts)
