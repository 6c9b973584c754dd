"""Image folders: one folder of images for each class, and what lies beside and is not read."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..ground.files import files_below, stamp
from .hub import TEST_NAMES, TRAIN_NAMES, Raw
from .imagesets import DataError

SUFFIXES = {
    *(".png", ".jpg", ".jpeg", ".jfif", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"),
    *(".jp2", ".avif"),
}


def read_folder(root: Path) -> dict[str, Raw]:
    """An image folder: root/train/CLASS/*.jpg and root/val/CLASS/*.jpg, or just root/CLASS/*.jpg.

    Classes are the folder names sorted as strings (torchvision's ImageFolder rule, so "10" comes
    before "2"); the test split is mapped by name, never by position.

    Raises:
        DataError: no class folders, no images, or a test split without or beyond training.
    """
    if not root.is_dir():
        what = "is a file: give parquet:PATH, or" if root.is_file() else "does not exist: give"
        raise DataError(f"folder {str(root)!r} {what} folder:PATH of an image folder")
    train = split_folder(root, TRAIN_NAMES) or root
    test = split_folder(root, TEST_NAMES)
    if train is root and test is not None:
        raise DataError(f"{root} has {test.name}/ but no train/: name the training folder train")
    classes = class_names(train)
    splits = {"train": folder_split(root, train, classes)}
    if test is not None:
        extra = sorted(set(class_names(test)) - set(classes))
        if extra:
            alike = {unicodedata.normalize("NFC", name) for name in classes}
            same = unicodedata.normalize("NFC", extra[0]) in alike
            raise DataError(
                f"{test} has classes that {train} lacks: {', '.join(extra[:5])}; add them there or "
                + (
                    "give both one spelling (one is in another Unicode form)"
                    if same
                    else "remove them here"
                )
            )
        splits["test"] = folder_split(root, test, classes)
        others = [p for p in root.iterdir() if p.name.lower() in TEST_NAMES and p != test]
        unread = tuple(f"folder {p.name}, beside {test.name}" for p in sorted(others))
        splits["test"] = replace(splits["test"], unread=splits["test"].unread + unread)
    return splits


def split_folder(root: Path, names: tuple[str, ...]) -> Path | None:
    """The folder of a split, by the first of the names that is there; Train is train."""
    found = {p.name.lower(): p for p in sorted(root.iterdir()) if p.is_dir()}
    return next((found[name] for name in names if name in found), None)


def class_names(root: Path) -> tuple[str, ...]:
    """The names of a folder's folders, sorted, without hidden ones.

    Raises:
        DataError: it has none.
    """
    names = [p.name for p in root.iterdir() if p.is_dir() and not _is_hidden(p)]
    if not names:
        raise DataError(f"{root} has no class folders: expected {root}/CLASS/image.jpg")
    return tuple(sorted(names))


def _is_hidden(path: Path) -> bool:
    """Hidden by its name, or what a Mac puts into a zip file."""
    return path.name.startswith(".") or path.name == "__MACOSX"


def folder_split(source: Path, root: Path, classes: tuple[str, ...]) -> Raw:
    """The images of one split.

    Args:
        source: the folder that names are seen from. root: the folder of the classes.
        classes: names; those without a folder have no images.

    Raises:
        DataError: no image, or a name that no table can hold.
    """
    files: list[Path] = []
    labels: list[int] = []
    others: list[Path] = []
    for label, name in enumerate(classes):
        class_files, left = _images_below(root / name)
        files += class_files
        others += left
        labels += [label] * len(class_files)
    for folder in root.iterdir():
        if folder.is_dir() and _is_hidden(folder):
            others += [p for p in files_below(folder) if p.suffix.lower() in SUFFIXES]
    if not files:
        raise DataError(
            f"{root} has no images in its class folders (looked for {sorted(SUFFIXES)})"
        )
    facts = [str(root.resolve()), *((str(p.relative_to(root)), *stamp(p)) for p in files)]
    names = [p.relative_to(source).as_posix() for p in files]
    _check_names(names, source)
    return Raw(
        fetch=lambda row: files[row],
        where=lambda row: f"row {row} ({files[row]})",
        labels=np.asarray(labels, dtype=np.int64),
        classes=classes,
        identity=hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16],
        names=np.array(names, dtype=object),
        unread=tuple(p.relative_to(source).as_posix() for p in others),
    )


def _check_names(names: list[str], source: Path) -> None:
    """Refuse names that no table can hold, before hours of training end in one."""
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise DataError(
                f"the file name {name!r} in {source} is not UTF-8: rename the file"
            ) from error


def _images_below(folder: Path) -> tuple[list[Path], list[Path]]:
    """Image files by their suffix, not those of hidden folders, and files that are none.

    A link that leads nowhere is a corrupt image.
    """
    found = list(files_below(folder))
    seen = [p for p in found if not any(n.startswith(".") for n in p.relative_to(folder).parts)]
    there = [p for p in seen if p.is_file() or (p.is_symlink() and not p.exists())]
    images = [p for p in there if p.suffix.lower() in SUFFIXES]
    return images, [p for p in there if p.suffix.lower() not in SUFFIXES]
