"""Names that people give: the message for an unknown one, and any of them on a page."""

from __future__ import annotations

import difflib
import html
from collections.abc import Iterable
from typing import Any


def unknown(what: str, name: str, known: Iterable[str], also: Iterable[str] = ()) -> str:
    """One sentence: the name, the nearest match if there is one, and all known names.

    Args:
        what: kind of thing, such as "method".
        name: the unknown name.
        known: the known names.
        also: further known forms, such as "folder:PATH"; listed, but never the nearest match.
    """
    matches = difflib.get_close_matches(name, known := list(known), n=1, cutoff=0.5)
    hint = f" - did you mean {matches[0]!r}?" if matches else "."
    return f"unknown {what} {name!r}{hint} Known: {', '.join([*known, *also])}"


def in_markdown(value: Any) -> str:
    """A text on one line of Markdown, of a table too, in which no HTML is left.

    For what people name as they like: classes, files, datasets.
    """
    return html.escape(" ".join(str(value).split()), quote=False).replace("|", "\\|")
