"""Folders: the checkout or the installed package, and the home of data and figures."""

from __future__ import annotations

import os
from pathlib import Path

_PATTERNS = "[]{}*?"  # in a path, to libraries that are given it
PACKAGE = Path(__file__).resolve().parents[1]


def checkout() -> Path | None:
    """The folder of the repository, with notebooks/ and figures/; None for an installed package."""
    root = PACKAGE.parent
    return root if (root / "notebooks").is_dir() and (root / "pyproject.toml").is_file() else None


def source_dir() -> Path:
    """The checkout, or what came with an installed package in its place."""
    return checkout() or PACKAGE / "shipped"


def expanded(text: str | os.PathLike[str], what: str) -> Path:
    """A path as it was given, ~ or ~user replaced by a home folder.

    Args:
        text: the path. what: it is, for the message.

    Raises:
        ValueError: there is no such user, or it is no path.
    """
    if not isinstance(text, str | os.PathLike):
        raise ValueError(f"{what} must be a path, got {text!r}")
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise ValueError(
            f"{what} {str(text)!r} begins with the home folder of a user who is not known here: "
            "write the whole path"
        ) from error


def home_dir() -> Path:
    """Folder that holds data/ and figures/: RDC_HOME, else the checkout, else ~/rdc_kit.

    It never depends on the working directory, so a notebook and the command line agree.

    Raises:
        ValueError: RDC_HOME is relative: a notebook runs in its own folder, and would start there;
            or it begins with ~ and an unknown user; or a home has one of _PATTERNS in its path.
    """
    setting = os.environ.get("RDC_HOME")
    if setting:
        home = expanded(setting, "RDC_HOME")
        if not home.is_absolute():
            raise ValueError(f"RDC_HOME must be an absolute path, got {setting!r}")
        home = home.resolve()
    else:
        home = checkout() or Path.home() / "rdc_kit"
    if odd := sorted(set(str(home)) & set(_PATTERNS)):
        raise ValueError(
            f"the home {str(home)!r} has {' '.join(odd)} in its path, which `datasets` and "
            "papermill take for patterns: set RDC_HOME to a folder without"
        )
    return home


def data_dir() -> Path:
    """Folder for downloads, caches and runs."""
    return home_dir() / "data"


def runs_dir(kind: str) -> Path:
    """Folder of one kind of finished work, such as "train" or "notebooks"."""
    return data_dir() / "runs" / kind


def notebooks_dir() -> Path:
    """Folder of the kit's own notebooks: the checkout's, else those that came with the package."""
    return source_dir() / "notebooks"


def evidence_dir() -> Path:
    """Folder of the committed tables: the checkout's, else those that came with the package."""
    root = checkout()
    return root / "data" / "evidence" if root else PACKAGE / "shipped" / "evidence"


def local_copies() -> Path | None:
    """RDC_DATA: a folder of local dataset copies. The kit looks there before any download.

    A relative RDC_DATA starts at the checkout, or at the home of an installed package. The
    working directory does not matter.

    Raises:
        ValueError: it begins with ~ and an unknown user.
    """
    setting = os.environ.get("RDC_DATA")
    if not setting:
        return None
    return ((checkout() or home_dir()) / expanded(setting, "RDC_DATA")).resolve()
