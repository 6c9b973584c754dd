"""Figures of entropy: sets beside their images, the effect of choosing crops, the curve with r*."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from ...data.imagesets import ImageSet
from ..verdicts.stats import half_width
from .base import (
    PALETTE,
    caption,
    family_colour,
    first_of_each_class,
    legend_beside,
    log_axis,
    marker,
    some_classes,
)
from .names import method_title, network_title

_SHOWN = 8  # images of each set, one per class


def entropy_figure(table: pd.DataFrame, sets: dict[str, ImageSet]) -> Figure:
    """Figure 3 of the paper, drawn again: every method's entropy beside images of its set.

    Args:
        table: from `entropy.entropy_of_sets`.
        sets: method -> one of its sets; without any, the figure has no images.
    """
    means = table.groupby("method")["stored"].mean().sort_values()
    methods = [name for name in means.index if name in sets or not sets]
    columns, widths = (2, [_SHOWN, 10]) if sets else (1, [1])
    line = 0.42 if sets else 0.25
    figure, axes = plt.subplots(
        1,
        columns,
        figsize=(8.4 if sets else 5.6, line * len(methods) + 1.2),
        width_ratios=widths,
        squeeze=False,
    )
    left, right = axes[0, 0], axes[0, -1]
    if sets:
        _mosaic(left, [sets[name] for name in methods])
    counts = table.groupby("method")["stored"].nunique()[methods]  # equal sets are one set
    _plot_entropies(right, table, counts)
    usual = counts.max()
    few = [f" (n = {n})" if 1 < n < usual else " *" if n < usual else "" for n in counts]
    names = [method_title(name) + told for name, told in zip(methods, few, strict=True)]
    right.set_yticks(range(len(methods)), [""] * len(methods))
    left.set_yticks(range(len(methods)), names)
    right.set_ylim(len(methods) - 0.5, -0.5)
    high = table.loc[table["method"].isin(methods), ["stored", "seen"]].max().max()
    right.set_xlim(left=-0.03 * high)  # or the axis would hide half of a mark
    right.grid(axis="y", visible=False)
    right.set_xlabel("mean entropy, nats; circle: as stored, pale diamond: as training sees it")
    source = caption(table)
    note = f"observer: {network_title(str(table['observer'].iloc[0]))}\n"
    note += f"bar: ± 1 sd, n = {usual} sets" if usual > 1 else "one set of each"
    note += "; * one set, no bar" * (" *" in few)
    right.set_title(note if sets else f"{source}, {note}", fontsize=9)
    if sets:
        classes = sets[methods[0]].num_classes
        left.set_title(source + some_classes(_SHOWN, classes))
    return figure


def _plot_entropies(ax: plt.Axes, table: pd.DataFrame, counts: pd.Series) -> None:
    """A row per method, from above: its sets as stored and as seen, a bar where several differ.

    Args:
        counts: method -> how many sets differ, in the order of the rows.
    """
    for y, (name, count) in enumerate(counts.items()):
        rows = table[table["method"] == name]
        colour = family_colour(rows["family"].iloc[0])
        for column, shape, face in (("stored", "o", colour), ("seen", "D", _tint(colour))):
            values = rows[column].to_numpy(float)
            spread = np.std(values, ddof=1) if count > 1 else None
            ax.errorbar(
                values.mean(), y, xerr=spread, fmt=shape, color=colour, mfc=face, ms=5, lw=1.2
            )


def _tint(colour: str) -> tuple[float, float, float]:
    """A pale shade of a colour."""
    red, green, blue = (0.65 + 0.35 * part for part in to_rgb(colour))
    return red, green, blue


def _mosaic(ax: plt.Axes, sets: Sequence[ImageSet]) -> None:
    """A line of images for each set, drawn as one picture, with white lines between them."""
    size = sets[0].size
    seam = max(1, size // 16)
    step = size + seam
    pixels = np.full((len(sets) * step, _SHOWN * step, 3), 255, np.uint8)
    for y, images in enumerate(sets):
        for x, image in enumerate(first_of_each_class(images).images[:_SHOWN]):
            top, left = y * step + seam // 2, x * step
            pixels[top : top + size, left : left + size] = image.permute(1, 2, 0).numpy()
    ax.imshow(pixels, extent=(0, _SHOWN, len(sets) - 0.5, -0.5), aspect="auto")
    ax.set_xticks([])
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)


def selective_figure(found: pd.DataFrame, setting: str = "") -> Figure:
    """Proposition 4.1 measured: change of NLL against change of entropy, a point per image.

    Args:
        found: from `cropping.selective_crops`.
        setting: dataset and observer in words, which the rows do not say.
    """
    figure, ax = plt.subplots(figsize=(4.8, 3.8))
    likelier, unsure = changes(found)
    against = (likelier < 0) & (unsure > 0)
    for mask, colour, size in ((~against, "#999999", 6), (against, PALETTE[3], 14)):
        # The few above the many.
        ax.scatter(likelier[mask], unsure[mask], s=size, color=colour, alpha=0.6, lw=0, zorder=3)
    ax.axhline(0, color="#333333", lw=0.8)
    ax.axvline(0, color="#333333", lw=0.8)
    ax.set_xlabel("change of NLL by choosing the likeliest crop, nats")
    ax.set_ylabel("change of entropy, nats")
    share = 100 * float(against.mean())
    told = [setting] * bool(setting) + [
        f"likelier and yet less sure: {share:.1f} % of {_drawn(found)}"
    ]
    ax.set_title("\n".join([*told, "(vermilion: NLL below 0, entropy above 0)"]), fontsize=9)
    return figure


def _drawn(found: pd.DataFrame) -> str:
    """How many images there are, and how often they were drawn."""
    times = found["seed"].nunique() if "seed" in found else 1
    each = len(found) // times
    return f"{each:,} images" + f", drawn {times} times" * (times > 1)


def changes(found: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Change of NLL and of entropy, image by image, by choosing the likeliest crop."""
    return found["nll_crop"] - found["nll"], found["entropy_crop"] - found["entropy"]


def curve_figure(curve: pd.DataFrame, critical: dict[str, dict[str, float]], plain: str) -> Figure:
    """Theorem 4.2: entropy against the crop's area, and where the simpler sets reach the plain one.

    Bands are over sets that differ, see `_entropies`; a line of one set has none, and says so.

    Args:
        curve: means over images of `cropping.entropy_curve`: a row per set, seed and r.
        critical: name of a simpler set -> result of `cropping.critical_ratio` against `plain`.
        plain: the set that the others are compared with.
    """
    figure, ax = plt.subplots(figsize=(7.6, 3.7))
    names = [plain, *critical]
    entropies = {name: _entropies(curve[curve["set"] == name]) for name in names}
    counts = {name: len(values) for name, values in entropies.items()}
    usual = max(counts.values())
    for k, name in enumerate(names):
        mean, spread = entropies[name].mean(), entropies[name].apply(half_width)
        colour, label = "#555555", method_title(name)
        if counts[name] < usual:
            label += f" ({counts[name]} sets)" if counts[name] > 1 else " (one set)"
        if name != plain:
            r, colour = critical[name]["r"], PALETTE[(k - 1) % len(PALETTE)]
            label += f": r* = {r:.2f}" if np.isfinite(r) else ": no r*"
        ax.plot(mean.index, mean, f"{marker(k)}-", ms=3.5, color=colour, label=label)
        if counts[name] > 1:
            low, high = mean - spread, mean + spread
            ax.fill_between(mean.index, low, high, color=colour, alpha=0.15, lw=0)
    _mark_critical(ax, critical)
    log_axis(ax, [0.02, 0.05, 0.1, 0.2, 0.5, 1])
    ax.set_xlabel("area of the random crop, r, as a fraction of the image")
    ax.set_ylabel("mean entropy, nats")
    legend_beside(ax)
    setting = caption(curve)
    if "observer" in curve:
        setting += f"; observer: {network_title(str(curve['observer'].iloc[0]))}"
    told = f"bands: 95 % t-interval of the mean over n = {usual} sets"
    told += "; one set has none" * (1 in counts.values())
    told = told if usual > 1 else "one set of each, no bands"
    shaded = "shaded: 95 % of r* over resampled images"
    ax.set_title("\n".join([setting] * bool(setting) + [told, shaded]), fontsize=9)
    return figure


def _mark_critical(ax: plt.Axes, critical: dict[str, dict[str, float]]) -> None:
    """Each r* as a dashed line in its interval, in the colour of its set, where there is one."""
    for k, one in enumerate(critical.values()):
        if np.isfinite(one["r"]):
            colour = PALETTE[k % len(PALETTE)]
            ax.axvspan(one["low"], one["high"], color=colour, alpha=0.1, lw=0)
            ax.axvline(one["r"], color=colour, ls="--", lw=1)
            ax.text(one["r"], ax.get_ylim()[1], f" r* = {one['r']:.2f}", size=8, va="top")


def _entropies(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean entropy of each set that differs, over the draws of its crops; a column per r.

    Sets are told apart by their hash. Rows from before it was kept: by their entropy at the largest
    r, where equal sets have equal ones, for nothing is cropped (and digits are not mirrored).
    """
    if "set_hash" in rows and rows["set_hash"].notna().all():
        apart = rows["set_hash"]
    else:
        uncropped = rows[rows["r"] == rows["r"].max()].groupby("seed")["entropy"]
        apart = rows["seed"].map(uncropped.mean())
    return rows.assign(apart=apart).pivot_table("entropy", "apart", "r")
