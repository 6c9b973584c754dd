"""Explorers: a few controls over a picture. Live, a control redraws it; headless, it is a sheet.

This file does not draw: `renders` and `browser` do, and both work without a browser. The picture
goes to the browser as JPEG bytes: this needs no Output widget, keeps no figure, and shows errors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from ipywidgets import Widget
from matplotlib.figure import Figure

from ...data.imagesets import ImageSet
from ...ground.progress import interactive
from ...prune.recorders import Scores
from ..analyses.observers import Observer
from ..figures.names import GROUPING_TITLES, metric_title
from ..grid import monitor
from . import browser, canvas, page, renders, scored
from .words import WORDS, state_in_words

Render = Callable[..., Figure]
State = dict[str, Any]


def explore(
    render: Render,
    controls: Callable[[State], dict[str, Widget]],
    shown: list[State],
    quick: Render | None = None,
) -> Widget | Figure:
    """Controls over a picture in a live notebook, a sheet of a few states in a headless one.

    Args:
        render: draws a state, given as keywords; raises an error where it cannot.
        controls: makes the controls for a first state: keyword of the state -> its control.
        shown: the states of the sheet; the controls begin at the first.
        quick: draws a state without what takes long; shown until `render` is ready.

    Returns:
        Live, a widget of class "rdc-explorer" with a still of its first state beside it, for
        readers without a kernel; where `render` raises, its message stands above the old picture,
        which turns grey. Headless (RDC_INTERACTIVE=0), one Figure; an error of `render` is raised.
    """
    if not interactive():
        return canvas.sheet({state_in_words(state): _picture(render, state) for state in shown})
    knobs = controls(shown[0])
    picture = ipywidgets.Image(format="jpeg")
    frame = ipywidgets.Box([picture])
    frame.add_class("rdc-frame")
    message = ipywidgets.HTML()

    def redraw(_: Any = None) -> None:
        try:
            state = {name: knob.value for name, knob in knobs.items()}
            for draw in filter(None, (quick, render)):
                picture.value = canvas.encode_jpeg(_picture(draw, state))
                message.value = ""
                frame.remove_class("rdc-old")
        except ValueError as error:  # the state cannot be drawn, and the message says why
            message.value = page.told(str(error))
            frame.add_class("rdc-old")
        except Exception as error:
            message.value = page.told(f"{type(error).__name__}: {error}", error=True)
            frame.add_class("rdc-old")

    for knob in knobs.values():
        knob.observe(redraw, "value")
    redraw()
    parts = [page.panel(list(knobs.values())), message, frame]
    return page.Explorer(parts, lambda: page.as_image(picture.value, state_in_words(shown[0])))


def _picture(render: Render, state: State) -> np.ndarray:
    with plt.rc_context({"text.parse_math": False}):  # a class may be called "$x$"
        figure = render(**state)
    try:
        return canvas.pixels(figure)
    finally:
        plt.close(figure)  # pyplot keeps the figures that it made until they are closed


def _choice(key: str, options: Any, value: Any) -> Widget:
    return ipywidgets.Dropdown(
        options=options, value=value, description=WORDS.get(key, key), **_wide()
    )


def _slider(kind: Any, key: str, value: Any, low: float, high: float, step: float = 1) -> Widget:
    """A slider that changes its value when it is released, not while it moves."""
    return kind(
        value=value,
        min=low,
        max=high,
        step=step,
        description=WORDS.get(key, key),
        continuous_update=False,
        **_wide(),
    )


def _wide() -> dict[str, Any]:
    """As wide as the panel's column."""
    layout = {"width": "auto", "min_width": "0"}
    return {"style": {"description_width": "initial"}, "layout": layout}


def _titled(titles: Mapping[str, str]) -> list[tuple[str, str]]:
    """Options of a choice: its words and its value."""
    return [(words, key) for key, words in titles.items()]


def composite_builder(pool: ImageSet, scores: Scores) -> Widget | Figure:
    """Choose ranks of a class and a grid, and see the composites.

    Args:
        pool: to choose from; scores: of the pool.

    Raises:
        DataError: the scores are of another pool.
    """
    scores.aligned_to(pool)
    counts = dict(zip(pool.classes, pool.counts().tolist(), strict=True))

    def controls(state: State) -> dict[str, Widget]:
        name = _choice("name", pool.classes, state["name"])
        many = counts[state["name"]]
        window = _slider(ipywidgets.IntRangeSlider, "window", state["window"], 1, many)
        # A class may have fewer images: the window is limited to them before the picture is drawn.
        name.observe(lambda change: setattr(window, "max", counts[change["new"]]), "value")
        return {
            "name": name,
            "window": window,
            "grid": _choice("grid", [1, 2, 3, 4], state["grid"]),
            "grouping": _choice("grouping", _titled(GROUPING_TITLES), state["grouping"]),
        }

    name = pool.classes[0]
    many = counts[name]
    easiest = {"name": name, "window": (1, min(16, many)), "grid": 2, "grouping": "rank_block"}
    shown = [easiest]
    if many >= 16:
        shown.append(easiest | {"window": (many - 15, many)})
        shown.append(easiest | {"window": (1, many), "grid": 3, "grouping": "sequential"})
    return explore(partial(renders.render_composite, pool, scores), controls, shown)


def view_explorer(stored: ImageSet, observer: Observer | None = None) -> Widget | Figure:
    """Change the crop and Cutout; see views of a stored image, and an observer's entropy.

    Args:
        stored: composites, or any set.
        observer: its entropy (nats) is written under each view.
    """

    def controls(state: State) -> dict[str, Widget]:
        real, whole = ipywidgets.FloatSlider, ipywidgets.IntSlider
        flip = ipywidgets.Checkbox(
            state["flip"],
            description="flip",
            indent=False,
            disabled=not stored.traits.flip,
            layout={"width": "auto"},
        )
        return {
            "view": _choice("view", list(renders.VIEWS_BY_TITLE), state["view"]),
            "low": _slider(real, "low", state["low"], 0.02, 1, 0.02),
            "cutout": _slider(real, "cutout", state["cutout"], 0, 1, 0.05),
            "index": _slider(whole, "index", state["index"], 0, len(stored) - 1),
            "draw": _slider(whole, "draw", state["draw"], 0, 50),
            "flip": flip,
        }

    low, flip = stored.traits.min_crop, stored.traits.flip
    state = {"view": "extracted", "low": low, "cutout": 0.0, "index": 0, "draw": 0, "flip": flip}
    shown = [state | {"view": view} for view in ("extracted", "shuffled", "whole")]
    shown.append(state | {"cutout": 0.5})
    quick = partial(renders.render_views, stored)
    return explore(partial(quick, observer=observer), controls, shown, quick if observer else None)


def score_explorer(pool: ImageSet, scores: dict[str, Scores]) -> Widget | Figure:
    """Mark a range of a score, or the images that two scores disagree on, and see them.

    Args:
        pool: that was scored; scores: by name, as from `dynamics`.

    Raises:
        DataError: a score is of another pool.
    """
    for one in scores.values():
        one.aligned_to(pool)

    def controls(state: State) -> dict[str, Widget]:
        named = [(metric_title(name), name) for name in scores]
        spread = ipywidgets.IntRangeSlider
        return {
            "score": _choice("score", named, state["score"]),
            "percentiles": _slider(spread, "percentiles", state["percentiles"], 0, 100),
            "against": _choice("against", [("none", ""), *named], state["against"]),
            "pick": _choice("pick", _titled(scored.PICKS), state["pick"]),
            "draw": _slider(ipywidgets.IntSlider, "draw", state["draw"], 0, 50),
        }

    names = list(scores)
    state = {"score": names[0], "percentiles": (0, 10), "against": names[-1], "draw": 0}
    state["pick"] = "range"
    if len(names) == 1:
        state["against"] = ""
    shown = [state | {"percentiles": part} for part in ((0, 10), (45, 55), (90, 100))]
    shown += [state | {"pick": pick} for pick in ("harder", "easier") if len(names) > 1]
    return explore(partial(scored.render_scores, pool, scores), controls, shown)


def benchmark_browser(table: pd.DataFrame, reference: pd.DataFrame | None = None) -> Any:
    """Filter and sort a grid's table, beside the published numbers where they exist.

    Args:
        table: the tidy table, columns as rows.COLUMNS.
        reference: published numbers of one dataset and protocol; see `published`.
    """
    theirs = [] if reference is None else sorted(set(reference["ipc"].astype(str)), key=int)
    ipcs = sorted(int(ipc) for ipc in table["ipc"].unique())

    def controls(state: State) -> dict[str, Widget]:
        ends = [browser.ALL]
        families, labels = (ends + list(table[name].unique()) for name in ("family", "labels"))
        knobs = {
            "family": _choice("family", families, state["family"]),
            "labels": _choice("labels", labels, state["labels"]),
            "ipc": _choice("ipc", [*ends, *ipcs], state["ipc"]),
            "sort": _choice("sort", list(browser.ORDERS), state["sort"]),
        }
        if theirs:
            options = [browser.SAME, *theirs]
            knobs["published_ipc"] = _choice("published_ipc", options, state["published_ipc"])
        return knobs

    first = {"family": browser.ALL, "ipc": ipcs[-1], "sort": "accuracy"}
    if theirs:
        first["published_ipc"] = browser.SAME if str(ipcs[-1]) in theirs else theirs[0]
    shown = [first | {"labels": one} for one in table["labels"].unique()]
    return explore(partial(browser.render_benchmark, table, reference), controls, shown)


def run_monitor() -> Widget | pd.DataFrame:
    """The runs of this home, read from disk: which run now, their progress, and how others ended.

    It works in any kernel at any time: also in another notebook than the running one, or after the
    browser was closed. Headless, it is a table.
    """
    if not interactive():
        return monitor.for_people(monitor.status())
    table_box, button = ipywidgets.HTML(), ipywidgets.Button(description="Refresh", icon="refresh")
    table_box.add_class("rdc-scroll")
    clock = ipywidgets.Play(min=0, max=10**6, interval=2000, description="every two seconds")

    def refresh(_: Any = None) -> None:
        try:
            table_box.value = monitor.as_html(monitor.status().head(20))
        except Exception as error:
            table_box.value = page.told(f"{type(error).__name__}: {error}", error=True)

    button.on_click(refresh)
    clock.observe(refresh, "value")
    refresh()
    label = ipywidgets.Label("or press play to read it every two seconds")
    row = ipywidgets.HBox([button, clock, label], layout={"flex_flow": "row wrap"})
    return page.Explorer([row, table_box], lambda: table_box.value)
