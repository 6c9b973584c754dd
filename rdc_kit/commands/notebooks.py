"""The verb notebooks: copies of the notebooks to work in."""

from __future__ import annotations

import json
import re
from pathlib import Path

from ..ground import files
from ..ground.folders import notebooks_dir, source_dir

_PICTURE = re.compile(r"\]\(\.\./(figures/[^)\\]+)\)")


def hand_out(folder: Path, with_solutions: bool = False) -> None:
    """Copy the notebooks, their pages and solutions into FOLDER/notebooks, pictures beside it.

    What is there already, byte by byte, stays: the same call goes on after it was killed.

    Args:
        folder: where to; it is made.
        with_solutions: put the solutions in place of the exercises, for a teacher.

    Raises:
        FileExistsError: one of the files exists with other content; nothing is overwritten.
    """
    left = {}
    for path, content in _copies(folder, with_solutions).items():
        if not path.exists():
            left[path] = content
        elif not path.is_file() or path.read_bytes() != content:
            raise FileExistsError(f"{path} exists with other content: choose another folder")
    for path, content in left.items():
        with files.atomic_path(path) as part:
            part.write_bytes(content)
    target = folder / "notebooks"
    count = len(list(notebooks_dir().glob("[0-9]*.ipynb")))
    print(f"notebooks: {count} in {target}; open one with `jupyter lab {target}`")


def _copies(folder: Path, with_solutions: bool) -> dict[Path, bytes]:
    """Every file that is handed out, and what is in it."""
    source, target = notebooks_dir(), folder / "notebooks"
    root = source_dir()
    notebooks = sorted(source.glob("[0-9]*.ipynb"))
    copies = {}
    # Names with a dot in front are a Mac's notes on other files.
    others = [*source.glob("[!.]*.md"), *source.glob("solutions/[!.]*.ipynb")]
    for path in [*notebooks, *others]:
        copies[target / path.relative_to(source)] = path.read_bytes()
        for picture in _PICTURE.findall(path.read_text()):
            copies[folder / picture] = (root / picture).read_bytes()
    if with_solutions:
        from ..notebook.exercises import solved  # imported late: plain copies need no torch

        for path in notebooks:
            copies[target / path.name] = (json.dumps(solved(path), indent=1) + "\n").encode()
    return copies
