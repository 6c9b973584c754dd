"""The verb notebooks: copies of the notebooks to work in."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from ..ground.folders import PACKAGE, checkout, notebooks_dir

_PICTURE = re.compile(r"\]\(\.\./(figures/[^)\\]+)\)")


def hand_out(folder: Path, with_solutions: bool = False) -> int:
    """Copy the notebooks, their pages and solutions into FOLDER/notebooks, pictures beside it.

    Args:
        folder: where to; it is made.
        with_solutions: put the solutions in place of the exercises, for a teacher.

    Raises:
        FileExistsError: a notebook of that name exists already; nothing is overwritten.
    """
    source, target = notebooks_dir(), folder / "notebooks"
    notebooks = sorted(source.glob("[0-9]*.ipynb"))
    for path in notebooks:
        if (target / path.name).exists():
            raise FileExistsError(f"{target / path.name} exists: choose another folder")
    target.mkdir(parents=True, exist_ok=True)
    root = checkout() or PACKAGE / "shipped"
    for path in [*notebooks, *source.glob("*.md"), *source.glob("solutions/*.ipynb")]:
        copy = target / path.relative_to(source)
        copy.parent.mkdir(exist_ok=True)
        shutil.copyfile(path, copy)
        for picture in _PICTURE.findall(path.read_text()):
            (folder / picture).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / picture, folder / picture)
    if with_solutions:
        from ..notebook.exercises import solved  # imported late: plain copies need no torch

        for path in notebooks:
            (target / path.name).write_text(json.dumps(solved(path), indent=1) + "\n")
    print(f"notebooks: {len(notebooks)} in {target}; open one with `jupyter lab {target}`")
    return 0
