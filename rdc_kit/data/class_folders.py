"""Image folders: one folder of images for each class, and what lies beside and is not read."""

from __future__ import annotations

import hashlib
import json
import os
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePath

import numpy as np

from ..ground.files import files_below, stamp
from .imagesets import DataError
from .raw import TEST_NAMES, TRAIN_NAMES, Raw

SUFFIXES = {
    *(".png", ".jpg", ".jpeg", ".jfif", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"),
    *(".jp2", ".avif"),
}
# Of cameras and telephones: photographs that have to be converted first.
CONVERTED = {
    *(".heic", ".heif", ".hif", ".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".sr2"),
    *(".raf", ".orf", ".rw2", ".pef", ".srw", ".x3f"),
}
_MAYBE_CLASSES = {"dev", "eval"}  # of TEST_NAMES: the test split only where there is a train/


def read_folder(root: Path) -> dict[str, Raw]:
    """An image folder: root/train/CLASS and root/val/CLASS hold images, or just root/CLASS.

    Classes are the folder names sorted as strings (torchvision's ImageFolder rule, so "10" comes
    before "2"); the test split is mapped by name, never by position.

    Raises:
        DataError: no class folders, no images, or a test split without or beyond training.
        OSError: a folder cannot be listed.
    """
    if not root.is_dir():
        raise DataError(f"{root} is a file: give parquet:PATH, or folder:PATH of an image folder")
    train = split_folder(root, TRAIN_NAMES) or root
    flat = train == root
    test = split_folder(root, tuple(n for n in TEST_NAMES if not (flat and n in _MAYBE_CLASSES)))
    if flat and test is not None:
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
    return splits if flat else _with_neighbours(splits, root, train, test)


def _with_neighbours(
    splits: dict[str, Raw], root: Path, train: Path, test: Path | None
) -> dict[str, Raw]:
    """The splits with the names of their folders, and what images and folders lie beside these."""
    inner = [p for p in sorted(root.iterdir()) if p not in (train, test)]
    loose = [p.name for p in inner if _is_photograph(p) and p.is_file()]
    beside: dict[str, list[str]] = {"train": [], "test": []}
    for folder in inner:
        if folder.is_dir() and not _is_hidden(folder) and any(map(_is_photograph, _walk(folder))):
            second = test if folder.name.lower() in TEST_NAMES else None
            split = "test" if second else "train"
            beside[split].append(f"folder {folder.name}, beside {(second or train).name}")
    called = {"train": train.name, "test": "" if test is None else test.name}
    told = {
        split: replace(raw, beside=tuple(beside[split]), called=called[split])
        for split, raw in splits.items()
    }
    told["train"] = replace(told["train"], unread=(*loose, *told["train"].unread))
    return told


def _walk(folder: Path) -> Iterator[Path]:
    """Everything below a folder, as it is met: whoever looks for one image can stop early."""
    return (Path(place) / name for place, _, names in os.walk(folder) for name in names)


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


def _is_hidden(path: PurePath) -> bool:
    """Hidden by its name, or what a Mac puts into a zip file."""
    return path.name.startswith(".") or path.name == "__MACOSX"


def _is_image(path: PurePath) -> bool:
    """An image by its name, and none of the notes that a Mac leaves beside files on other disks."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith("._")


def _is_photograph(path: PurePath) -> bool:
    """An image, or what becomes one when it is converted."""
    return _is_image(path) or must_be_converted(path)


def must_be_converted(path: PurePath) -> bool:
    """A photograph of a kind that is not read."""
    return path.suffix.lower() in CONVERTED and not path.name.startswith("._")


def told_unread(raw: Raw) -> str:
    """What of a split is not read, in a phrase; "" for nothing.

    Photographs come first, counted by their endings, so that no lost one is hidden behind what
    systems leave in folders, such as Thumbs.db. Where there is none, the first file is named.
    """
    endings: dict[str, Counter[str]] = {}
    for path in map(PurePath, raw.unread):
        endings.setdefault(_why_unread(path), Counter())[path.suffix] += 1
    others = endings.pop("", Counter()).total()
    parts = [_first_of(raw.beside)] if raw.beside else []
    for why, counts in endings.items():
        counted = ", ".join(f"{count} {ending}" for ending, count in sorted(counts.items()))
        parts.append(f"{counted} ({why})")
    if others:
        named = _first_of(raw.unread)
        parts.append(f"{others} other file{'s' * (others > 1)}" if endings else named)
    return ", ".join(parts)


def _why_unread(path: PurePath) -> str:
    """Why a photograph is not read; "" of any other file."""
    if must_be_converted(path):
        return "convert to JPEG"
    if not _is_image(path):
        return ""
    return "hidden" if any(_is_hidden(PurePath(part)) for part in path.parts) else "in no class"


def _first_of(names: Sequence[str]) -> str:
    """The first of some names, and how many there are besides."""
    return f"{names[0]} and {len(names) - 1} more" if len(names) > 1 else names[0]


def folder_split(source: Path, root: Path, classes: tuple[str, ...]) -> Raw:
    """The images of one split.

    Args:
        source: the folder that names are seen from. root: the folder of the classes.
        classes: names; those without a folder have no images.

    Raises:
        DataError: no image, or a name that no table can hold.
        OSError: a folder cannot be listed.
    """
    files: list[Path] = []
    labels: list[int] = []
    others: list[Path] = []
    merged: list[str] = []
    for label, name in enumerate(classes):
        class_files, left = _images_below(root / name)
        files += class_files
        others += left
        if below := _folders_of(class_files, root / name):
            merged.append(f"{', '.join(below)} below {name}")
        labels += [label] * len(class_files)
    for beside in sorted(root.iterdir()):
        if beside.is_dir() and _is_hidden(beside):
            others += sorted(filter(_is_image, _walk(beside)))  # closed to us, it may stay so
        elif _is_photograph(beside) and beside.is_file():
            others.append(beside)
    others.sort(key=lambda path: not _is_photograph(path))  # else in their order
    unread = tuple(p.relative_to(source).as_posix() for p in others)
    if not files:
        found = next((path.suffix for path in others if must_be_converted(path)), "")
        raise DataError(
            f"{root} has no images in its class folders (looked for {sorted(SUFFIXES)})"
            + f": convert its {found} files to JPEG" * bool(found)
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
        unread=unread,
        merged=tuple(merged),
    )


def _folders_of(images: list[Path], folder: Path) -> list[str]:
    """The names of the folders, two or more, that hold all images of a class; else none.

    A single folder, as in CLASS/images, and one with images beside it are no classes of their own.
    """
    parts = [image.relative_to(folder).parts for image in images]
    names = sorted({part[0] for part in parts})
    return names if len(names) > 1 and all(len(part) > 1 for part in parts) else []


def _check_names(names: list[str], source: Path) -> None:
    """Refuse names that no table can hold, before hours of training end in one."""
    for name in names:
        if "\r" in name:  # csv readers begin a row there
            raise DataError(
                f"the file name {name!r} in {source} has a carriage return: rename the file or the "
                "folder"
            )
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise DataError(
                f"the file name {name!r} in {source} is not UTF-8: rename the file"
            ) from error


def _images_below(folder: Path) -> tuple[list[Path], list[Path]]:
    """Images by their suffix, and what is left out: hidden ones, and other files in plain sight.

    A link that leads nowhere is a corrupt image.
    """
    found = files_below(folder) if folder.is_dir() else []  # a test split may lack a class
    there = [p for p in found if p.is_file() or (p.is_symlink() and not p.exists())]
    hidden = {p for p in there if any(n.startswith(".") for n in p.relative_to(folder).parts)}
    images = [p for p in there if p not in hidden and _is_image(p)]
    return images, [p for p in there if (p in hidden) == _is_image(p)]
