"""The verb notebooks: copies of the notebooks to work in."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from ..ground.folders import PACKAGE, checkout, notebooks_dir

_PICTURE = re.compile(r"\]\(\.\./(figures/[^)\\]+)\)")


def hand_out(folder: Path) -> int:
    """Copy the notebooks into FOLDER/notebooks, and their pictures into FOLDER/figures.

    Raises:
        FileExistsError: a notebook of that name exists already; nothing is overwritten.
    """
    target = folder / "notebooks"
    notebooks = sorted(notebooks_dir().glob("[0-9]*.ipynb"))
    for path in notebooks:
        if (target / path.name).exists():
            raise FileExistsError(f"{target / path.name} exists: choose another folder")
    target.mkdir(parents=True, exist_ok=True)
    root = checkout() or PACKAGE / "shipped"
    for path in notebooks:
        shutil.copyfile(path, target / path.name)
        for picture in _PICTURE.findall(path.read_text()):
            (folder / picture).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / picture, folder / picture)
    print(f"notebooks: {len(notebooks)} in {target}; open one with `jupyter lab {target}`")
    return 0
