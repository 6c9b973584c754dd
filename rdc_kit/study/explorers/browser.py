"""Look through a benchmark's table: filter, sort and draw it beside the published numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from ...ground.names import check_known
from ..figures.base import family_colour
from ..figures.names import arm_titles, shortened, source_title
from .canvas import DPI, new_figure, place

ALL = "all"
SAME = "as here"
LONGEST = 24  # lines of a picture; more are slow to draw and hard to read
# How lines can be sorted: column of `benchmark_lines`, and whether the smallest comes first.
ORDERS = {
    "accuracy": ("top1", False),
    "published accuracy": ("published", False),
    "bytes of images": ("image_bytes", True),
    "bytes of labels": ("label_bytes", True),
    "seconds of training": ("seconds", True),
    "method": ("arm", True),
}
_NAME = 30  # letters of a line's name that fit
_GROUPS = ["arm", "method", "family", "labels", "protocol", "ipc", "student"]
_HEAD = "top-1 %        n   publ.    images    labels  seconds"


def benchmark_lines(
    table: pd.DataFrame,
    reference: pd.DataFrame | None = None,
    family: str = ALL,
    labels: str = ALL,
    ipc: int | str = ALL,
    sort: str = "accuracy",
    published_ipc: str = SAME,
) -> pd.DataFrame:
    """The tidy table as means over seeds, filtered and sorted.

    Args:
        table: columns as rows.COLUMNS.
        reference: published numbers of one dataset and protocol; see `published`.
        family, labels, ipc: what to keep, or ALL.
        sort: a key of ORDERS.
        published_ipc: images per class of the published numbers: SAME, or a number as text.

    Returns:
        A row per method, labels, protocol, ipc and network: those columns, top1 (mean, percent),
        sd, n, image_bytes, label_bytes, seconds (means), and published (percent; NaN where there
        is none) with its status.

    Raises:
        ValueError: nothing matches, or an unknown order.
    """
    check_known("order", sort, ORDERS)
    kept = table
    for column, choice in (("family", family), ("labels", labels), ("ipc", ipc)):
        if choice != ALL:
            kept = kept[kept[column] == choice]
    if kept.empty:
        raise ValueError(f"no run with family {family!r}, labels {labels!r} and ipc {ipc!r}")
    lines = kept.groupby(_GROUPS, sort=False, as_index=False).agg(
        sd=("top1", "std"),
        n=("top1", "size"),
        top1=("top1", "mean"),
        **{name: (name, "mean") for name in ("image_bytes", "label_bytes", "seconds")},
    )
    lines = _beside(lines, reference, published_ipc)
    column, least_first = ORDERS[sort]
    return lines.sort_values(column, ascending=least_first, kind="stable", ignore_index=True)


def _beside(lines: pd.DataFrame, reference: pd.DataFrame | None, ipc: str) -> pd.DataFrame:
    """Add the columns published and status."""
    if reference is None:
        return lines.assign(published=np.nan, status="")
    published_at = lines["ipc"].astype(str) if ipc == SAME else pd.Series(ipc, lines.index)
    keys = ["method", "labels", "ipc"]
    numbers = reference.drop_duplicates(keys).rename(columns={"top1": "published"})
    numbers = numbers[[*keys, "published", "status"]].assign(ipc=numbers["ipc"].astype(str))
    merged = lines.assign(ipc=published_at).merge(numbers, on=keys, how="left")
    return merged.assign(ipc=lines["ipc"].to_numpy(), status=merged["status"].fillna(""))


def render_benchmark(
    table: pd.DataFrame,
    reference: pd.DataFrame | None = None,
    published_ipc: str = SAME,
    **choice: Any,
) -> Figure:
    """`benchmark_lines` as a chart, with the numbers beside: ours as dots, published as diamonds.

    Raises:
        ValueError: see `benchmark_lines`.
    """
    lines = benchmark_lines(table, reference, published_ipc=published_ipc, **choice)
    title = _title(table, reference, published_ipc)
    if len(lines) > LONGEST:
        title += f"\nthe first {LONGEST} of {len(lines)} lines: choose above to see the others"
        lines = lines[:LONGEST]
    step, top = 19, 46 + 15 * title.count("\n")
    figure = new_figure(top + step * len(lines) + 48)
    ax = place(figure, 196, top, 196, step * len(lines))
    y = np.arange(len(lines))
    colours = [family_colour(name) for name in lines["family"]]
    spread = lines["sd"].fillna(0)
    ax.barh(y, 2 * spread, 0.7, lines["top1"] - spread, color=colours, alpha=0.25)
    ax.scatter(lines["top1"], y, s=20, color=colours, zorder=3)
    edges = np.where(lines["status"] == "exact", colours, "white")
    ax.scatter(lines["published"], y, s=26, marker="D", color=list(edges), edgecolor=colours)
    names = _names(lines, arm_titles(table))
    ax.set_yticks(y, [shortened(name, _NAME) for name in names], fontsize=8)
    ax.set_ylim(len(lines) - 0.5, -0.5)
    ax.set_xlim(left=0)
    ax.set_xlabel("top-1 accuracy of the last epoch, %")
    beside = ax.get_yaxis_transform()
    mono: dict[str, Any] = {"family": "monospace", "size": 7.5, "va": "center", "transform": beside}
    ax.text(1.03, -1.1, _HEAD, color="#777777", **mono)
    for k, line in lines.iterrows():
        ax.text(1.03, k, _numbers(line), **mono)
    figure.text(0.009, 1 - 6 / (figure.get_figheight() * DPI), title, size=9, va="top")
    return figure


def _names(lines: pd.DataFrame, titles: dict[str, str]) -> list[str]:
    """A name per line: the method, and what else differs between the lines."""
    names = [titles[arm] for arm in lines["arm"]]
    for column, form in (("labels", "{}"), ("ipc", "ipc {}"), ("student", "{}")):
        if lines[column].nunique() > 1:
            names = [f"{n}, {form.format(v)}" for n, v in zip(names, lines[column], strict=True)]
    own = lines["protocol"].where(lines["protocol"] != lines["labels"], "")
    return [f"{n} ({p})" if p else n for n, p in zip(names, own, strict=True)]


def _numbers(line: pd.Series) -> str:
    spread = "      " if np.isnan(line["sd"]) else f" ±{line['sd']:4.1f}"
    theirs = "-" if np.isnan(line["published"]) else f"{line['published']:.1f}"
    sizes = " ".join(f"{_bytes(line[name]):>9}" for name in ("image_bytes", "label_bytes"))
    return (
        f"{line['top1']:5.1f}{spread:6} {line['n']:3d} {theirs:>7} {sizes} {line['seconds']:8.1f}"
    )


_bytes = EngFormatter("B", places=1)


def _title(table: pd.DataFrame, reference: pd.DataFrame | None, ipc: str) -> str:
    facts = table.iloc[0]
    ours = (
        f"{source_title(facts['dataset'])}, {facts['size']} px: dot and band are mean ± 1 sd over "
        "seeds"
    )
    if reference is None or reference.empty:
        return ours
    where = ", ".join(reference["dataset"].unique())
    return (
        f"{ours}\ndiamonds: published, {where}, "
        f"{'as many' if ipc == SAME else ipc} per class (hollow: second-hand)"
    )
