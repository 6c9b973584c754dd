"""What becomes of the text of an option: a number, seeds, a path, several values."""

from __future__ import annotations

import argparse
import math
import os
from pathlib import Path
from typing import Any

from ..ground.folders import expanded, notebooks_dir
from ..ground.names import command


def above_0(text: str) -> float:
    """A number above 0 from the command line."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return value


def seeds(text: str) -> int | range:
    """A number of seeds, or the first and the last of them, "3-5"."""
    first, dash, last = text.partition("-")
    if not (first.isdigit() and (last.isdigit() or not dash)):
        raise argparse.ArgumentTypeError(f"expected a number of seeds, or 3-5, got {text!r}")
    if dash and int(last) < int(first):
        raise argparse.ArgumentTypeError(f"the last seed of {text!r} is before the first")
    return range(int(first), int(last) + 1) if dash else int(first)


def path(text: str) -> Path:
    """A path from the command line; a shell leaves the ~ of `--out=~/x` to us."""
    try:
        return expanded(text, "the path")
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def notebook(text: str) -> Path:
    """A notebook file; looked for at once, before anything that is slow to import."""
    found = path(text)
    if not found.is_file():
        raise argparse.ArgumentTypeError(no_notebook(found))
    return found


def no_notebook(place: Path) -> str:
    """What to do where a notebook is looked for in vain: the kit's own are copied by a verb."""
    if place.exists() or not (notebooks_dir() / place.name).is_file():
        return f"{place} is no notebook file"
    copied = command("notebooks my-study")
    run = command(f"run my-study/notebooks/{place.name}")
    return f"{place} is no notebook file: `{copied}` copies it, then `{run}`"


def path_or_name(text: str) -> str:
    """A name, or a path as `path` reads it: what has a separator is one, such as ./runs."""
    return str(path(text).absolute() if os.sep in text else path(text))


class Several(argparse.Action):
    """Values of an option that may be given again: `--line a b` or `--line a --line b`.

    argparse's own `extend` would put them after the default, its usual action drops the first.
    """

    def __init__(self, **how: Any) -> None:
        super().__init__(nargs="+", **how)

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Keep the values, after those given before them."""
        before = getattr(namespace, self.dest)
        setattr(namespace, self.dest, values if before is self.default else [*before, *values])
