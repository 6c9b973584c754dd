"""What to say when a name is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def unknown(what: str, name: str, known: Iterable[str], also: Iterable[str] = ()) -> str:
    """One sentence: the name, the near match if there is one, and all that is known.

    Args:
        what: kind of thing, such as "method".
        name: what was asked for.
        known: names that could have been meant.
        also: further forms that are known but nearly match nothing, such as "folder:PATH".
    """
    near = difflib.get_close_matches(name, known := list(known), n=1, cutoff=0.5)
    hint = f" - did you mean {near[0]!r}?" if near else "."
    return f"unknown {what} {name!r}{hint} Known: {', '.join([*known, *also])}"
