"""Whether there is a place for what will be written: asked before hours of work for it."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path


def check_table(path: Path, begins: str) -> None:
    """Refuse a file for a table that is a folder or somebody else's, or that cannot be made.

    Args:
        path: of the file. begins: what our own tables of this kind begin with.

    Raises:
        FileExistsError: it is a folder, or no such table. ValueError: see `check_place`.
    """
    if path.is_dir():
        raise FileExistsError(f"{path} is a folder: name a file, such as {path / 'table.csv'}")
    if path.is_file() and not path.read_bytes().startswith(begins.encode()):
        raise FileExistsError(f"{path} exists and is none of these tables: name another file")
    check_place(path)


def check_new(folder: Path) -> None:
    """Refuse a folder that is there already, or cannot be made.

    Raises:
        FileExistsError: something of this name exists. ValueError: see `check_place`.
    """
    if folder.exists():
        raise FileExistsError(f"{folder} exists: choose another folder")
    check_place(folder)


def check_place(path: Path) -> None:
    """Refuse a place where nothing can be written, before hours of work for it.

    Args:
        path: of a file or folder that will be made, with the folders above it.

    Raises:
        ValueError: the nearest folder above that exists is a file, or lets nothing be made in it.
    """
    above = next((p for p in path.absolute().parents if p.exists()), path)
    try:
        with tempfile.TemporaryFile(dir=above):
            return
    except OSError as error:
        raise ValueError(
            f"{path} cannot be written: {above} is {'closed' if above.is_dir() else 'a file'} "
            f"({error.strerror}): name another place"
        ) from error


def require_free_space(folder: Path, needed: int) -> None:
    """Stop early, with both numbers, when a disk has less than `needed` bytes free.

    Raises:
        OSError: too little space.
    """
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OSError(
            f"{folder} has {free / 1e6:,.0f} MB free, {needed / 1e6:,.0f} MB are needed: "
            "free some space or set RDC_HOME to a folder on another disk"
        )
