"""Names: what was meant by an unknown one, commands that can be pasted, any text on a page."""

from __future__ import annotations

import difflib
import html
import re
import shlex
import shutil
import sys
from collections.abc import Collection, Hashable, Iterable
from pathlib import Path
from typing import Any

_LISTED = 30  # names that can be read at a glance


def unknown(what: str, name: Any, known: Iterable[Any], also: Iterable[str] = ()) -> str:
    """One sentence: the name, the nearest match if there is one, and all known names.

    Beside a match a long list is left out.

    Args:
        what: kind of thing, such as "method".
        name: the unknown name, or whatever stands in its place.
        known: the known names; None may be one.
        also: further known forms, such as "folder:PATH"; listed, but never the nearest match.
    """
    matches = difflib.get_close_matches(str(name), known := [*map(str, known)], n=1, cutoff=0.5)
    if matches and len(known) > _LISTED:
        return f"unknown {what} {name!r} - did you mean {matches[0]!r}?"
    hint = f" - did you mean {matches[0]!r}?" if matches else "."
    return f"unknown {what} {name!r}{hint} Known: {', '.join([*known, *also])}"


def check_known(what: str, name: Any, known: Collection[Any], also: Iterable[str] = ()) -> None:
    """Refuse an unknown name; the arguments are those of `unknown`.

    Raises:
        ValueError: the message names the near match.
    """
    if not isinstance(name, Hashable) or name not in known:
        raise ValueError(unknown(what, name, known, also))


def command(words: str) -> str:
    """A command of the kit as this shell understands it, "rdc runs" or ".venv/bin/python -m ...".

    Args:
        words: verb and options, such as "runs".
    """
    found = shutil.which("rdc")
    if found and Path(found).parent == Path(sys.executable).parent:
        return f"rdc {words}"
    python = Path(sys.executable)
    if python.is_relative_to(Path.cwd()):
        python = python.relative_to(Path.cwd())
    return f"{shlex.quote(str(python))} -m rdc_kit {words}"


def printable(text: str) -> str:
    """A text that can be printed and written: bytes of a file name that are no UTF-8 are spelt out.

    Python keeps such bytes as lone surrogates, over which printing fails.
    """
    return text.encode(errors="backslashreplace").decode()


def in_markdown(value: Any) -> str:
    """A text on one line of Markdown, of a table too, in which no HTML is left.

    For what people name as they like: classes, files, datasets. No-break spaces stay.
    """
    text = re.sub(r"[^\S\N{NO-BREAK SPACE}]+", " ", str(value)).strip()
    return html.escape(text, quote=False).replace("|", "\\|")
