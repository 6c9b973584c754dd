"""What a survey of a source found: a table, and the images that can be shown."""

from __future__ import annotations

from itertools import chain

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from pandas.io.formats.style import Styler

from ...data.loading import to_look_at
from ...data.survey import Survey
from .base import show_image
from .names import shortened

_LETTERS = 22  # of a class that fit under its image
_SIDE = 1.3  # of an image, inches


def survey_table(found: Survey) -> pd.DataFrame:
    """Everything that was looked for: how often it was found, and the first places."""
    rows = [
        (what, n, "; ".join(found.findings.get(what, ())[:2])) for what, n in found.counts.items()
    ]
    return pd.DataFrame(rows, columns=["looked for", "found", "for instance"])


def left_aligned(table: pd.DataFrame) -> Styler:
    """The survey's table for a notebook: texts begin on the left, and none is cut."""
    left = [{"selector": "th, td", "props": "text-align: left"}]
    shown = table.set_index("looked for").style.format(escape="html").format_index(escape="html")
    return shown.set_table_styles(left).set_uuid("survey")


def places_table(found: Survey) -> pd.DataFrame:
    """Every place of every finding, one a row; what was not found has one row without a place."""
    rows = [(what, place) for what in found.counts for place in found.findings.get(what, [""])]
    return pd.DataFrame(rows, columns=["finding", "place"])


def survey_figure(found: Survey, columns: int = 6) -> Figure:
    """A line of images for each finding that has some, an image beside its copy, with classes.

    Where no finding has any, a sentence says of how many things that were looked for.
    """
    names = list(found.images)
    if not names:
        return _sentence(found)
    figure, axes = plt.subplots(
        len(names),
        columns,
        figsize=(_SIDE * columns, (_SIDE + 0.4) * len(names) + 0.2),
        squeeze=False,
    )
    for ax in axes.flat:
        ax.set_axis_off()
    for line, what in zip(axes, names, strict=False):
        parts = [zip(to_look_at(one), one.named_labels, strict=True) for one in found.images[what]]
        for ax, (pixels, name) in zip(line, chain(*zip(*parts, strict=True)), strict=False):
            show_image(ax, pixels)
            short = shortened(name, _LETTERS)
            ax.text(0.5, -0.04, short, transform=ax.transAxes, fontsize=7, ha="center", va="top")
        line[0].set_title(" ", fontsize=8.5)  # room for a line that may be wider than its image
        said = f"{what}: {found.counts[what]}"
        note = line[0].annotate(said, (0, 1.1), None, "axes fraction", fontsize=8.5)
        note.set_in_layout(False)
    return figure


def _sentence(found: Survey) -> Figure:
    figure, ax = plt.subplots(figsize=(4.2, 0.5))
    ax.set_axis_off()
    asked, there = len(found.counts), len(found.findings)
    said = f"{asked} things looked for, none found: there is no image to show"
    if there:
        said = f"{asked} things looked for, {there} found, none of which is an image to show"
    ax.text(0, 0.5, said, size=9, va="center")
    return figure
