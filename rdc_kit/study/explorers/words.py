"""Words for the states of the explorers: what a reader calls their keywords and values."""

from __future__ import annotations

from typing import Any

from ..figures.names import GROUPING_TITLES, metric_title
from .scored import PICKS

WORDS = {
    "name": "class",
    "window": "ranks",
    "grid": "cells per side",
    "grouping": "originals",
    "low": "smallest crop",
    "cutout": "Cutout",
    "index": "image",
    "draw": "another draw",
    "against": "second score",
    "pick": "images",
    "ipc": "images per class",
    "sort": "sort by",
    "published_ipc": "published at",
}
_VALUES = {"grouping": GROUPING_TITLES, "pick": PICKS}


def state_in_words(state: dict[str, Any]) -> str:
    """A state as a caption: "class 3 · ranks 1 to 16"."""
    shown = {key: value for key, value in state.items() if value not in ("", None)}
    return " · ".join(f"{WORDS.get(key, key)} {_value(key, value)}" for key, value in shown.items())


def _value(key: str, value: Any) -> str:
    if isinstance(value, tuple):
        return " to ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if key in ("score", "against"):
        return metric_title(value)
    return str(_VALUES.get(key, {}).get(value, value))
