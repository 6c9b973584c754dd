"""Where images come from: the named datasets, image folders, parquet files, the Hugging Face Hub.

Every source becomes a list of encoded images with labels (`Raw`); loading.py decodes them.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..ground.files import files_below, stamp
from ..ground.folders import local_copies
from ..ground.names import unknown
from . import released
from .hub import TEST_NAMES, TRAIN_NAMES, Raw, read_hub, read_local
from .imagesets import DataError, ImageSet, Traits

SUFFIXES = {
    *(".png", ".jpg", ".jpeg", ".jfif", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"),
    *(".jp2", ".avif"),
}


@dataclass(frozen=True)
class Named:
    """A dataset known by name: its traits and its place on the Hub."""

    traits: Traits
    hub: str = ""
    options: dict[str, str] = field(default_factory=dict)


_SMALL = Traits(
    size=32,
    paper_size=32,
    mean=(0.4914, 0.4822, 0.4465),
    std=(0.2470, 0.2435, 0.2616),
)
NAMED: dict[str, Named] = {
    # Mean and sd of the training split at 32 px. A crop below half of a digit shows another digit.
    "digits": Named(
        Traits(32, 32, False, 0.5, (0.306,) * 3, (0.323,) * 3, "convnet3-w32", "convnet3-w32")
    ),
    # The Hub copy is a loading script, which `datasets` no longer runs; its converted branch works.
    "imagenette": Named(
        Traits(), "frgfm/imagenette", {"data_dir": "320px", "revision": "refs/convert/parquet"}
    ),
    "cifar10": Named(_SMALL, "uoft-cs/cifar10"),
    "cifar100": Named(_SMALL, "uoft-cs/cifar100"),
    "tiny-imagenet": Named(Traits(size=64, paper_size=64), "zh-plus/tiny-imagenet"),
    "imagenet-1k": Named(Traits(), "ILSVRC/imagenet-1k"),
}
KINDS = ("folder:PATH", "parquet:PATH", "hub:OWNER/NAME")


def traits_of(name: str) -> Traits:
    """Traits of a source; folders, parquet files and Hub keys have the default traits."""
    if name.startswith("hub:" + released.PREFIX):
        return Traits(size=224)
    return NAMED[name].traits if name in NAMED else Traits()


def check_source(name: str) -> None:
    """Reject an unknown source before anything is read.

    Raises:
        DataError: the message names the nearest match and all known sources.
    """
    kind, colon, rest = name.partition(":")
    if kind in ("folder", "parquet") and rest and not Path(rest).expanduser().exists():
        raise DataError(f"{rest!r} does not exist: give {kind}:PATH of what is there")
    if name in NAMED or (colon and kind in ("folder", "parquet", "hub") and rest):
        released.facts_of(rest if kind == "hub" else "")
        return
    if name and Path(name).expanduser().exists():
        kind = "folder" if Path(name).expanduser().is_dir() else "parquet"
        raise DataError(f"a dataset is no bare path: give {kind}:{name}")
    raise DataError(unknown("dataset", name, NAMED, KINDS))


def check_classes(name: str) -> None:
    """`check_source`, and that a folder has classes to tell apart; no image is read.

    Raises:
        DataError: no class folders, or one; the message says which folder to give.
    """
    check_source(name)
    kind, _, rest = name.partition(":")
    root = Path(rest).expanduser()
    if kind != "folder":
        return
    if not root.is_dir():
        raise DataError(f"{rest!r} is no folder: give folder:PATH of an image folder")
    train = _split_folder(root, TRAIN_NAMES) or root
    classes = _class_folders(train)
    if len(classes) < 2:
        below = _split_folder(train / classes[0], TRAIN_NAMES)
        better = (
            f"folder:{train / classes[0]}" if below else "the folder that has one for each class"
        )
        raise DataError(f"{train} has a single class folder, {classes[0]!r}: give {better}")


def at_hand() -> list[str]:
    """The named datasets that need no download: digits, and those in RDC_DATA."""
    copies = local_copies()
    return [n for n in NAMED if n == "digits" or (copies is not None and (copies / n).is_dir())]


def open_source(name: str) -> dict[str, Raw]:
    """Open a source without decoding it.

    Returns:
        {"train": Raw} and, where the source has one, {"test": Raw}.

    Raises:
        DataError: see the module's other functions.
    """
    check_source(name)
    kind, _, rest = name.partition(":")
    if name == "digits":
        return _digits()
    if kind == "folder":
        return _folder(Path(rest).expanduser())
    if kind == "parquet":
        return read_local(Path(rest).expanduser())
    copies = local_copies()
    if copies is not None and not copies.is_dir():
        raise DataError(f"RDC_DATA names {copies}, which is no folder: correct it, or unset it")
    key = rest if kind == "hub" else name
    candidates = [copies / k for k in (key, key.rpartition("/")[2])] if copies is not None else []
    local = next((folder for folder in candidates if folder.is_dir()), None)
    if local is not None:
        splits = read_local(local)
    elif kind == "hub":
        splits = read_hub(rest, {})
    else:
        splits = read_hub(NAMED[name].hub, NAMED[name].options, name)
    facts = released.facts_of(rest if kind == "hub" else "")
    return _released(splits, facts) if facts else splits


def raw_of(images: ImageSet) -> Raw | None:
    """The split whose rows a set's row ids are; None for tensors, and for a set that was saved."""
    facts = images.provenance
    if "source" not in facts or "split" not in facts or "read_from" in facts:
        return None
    return open_source(facts["source"])[facts["split"]]


def _released(splits: dict[str, Raw], facts: dict[str, Any]) -> dict[str, Raw]:
    """A released set, with its method in the provenance and ImageNet's validation images."""
    train, folder = splits["train"], released.validation_folder()
    splits = {"train": replace(train, note=train.note | facts)}
    if folder is not None:
        names = _class_folders(folder)
        if len(names) != len(train.classes):
            raise DataError(
                f"IMAGENET_VAL_DIR={folder} has {len(names)} class folders, the set has "
                f"{len(train.classes)} classes: name the folder that holds one folder per class"
            )
        splits["test"] = replace(_folder_split(folder, folder, names), classes=train.classes)
    return splits


def _digits() -> dict[str, Raw]:
    """scikit-learn's 1,797 handwritten digits, 8 x 8 grey levels 0..16, split 3 : 1 by class."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    bunch = load_digits()
    pixels = np.rint(bunch.images * (255 / 16)).astype(np.uint8)
    rows = np.arange(len(pixels))
    train, test = train_test_split(rows, test_size=0.25, stratify=bunch.target, random_state=0)

    def part(subset: np.ndarray) -> Raw:
        subset = np.sort(subset)
        return Raw(
            fetch=lambda row: pixels[subset[row]],
            where=lambda row: f"digits row {subset[row]}",
            labels=bunch.target[subset].astype(np.int64),
            classes=tuple(str(k) for k in range(10)),
            identity=hashlib.sha256(pixels[subset].tobytes()).hexdigest()[:16],
        )

    return {"train": part(train), "test": part(test)}


def _folder(root: Path) -> dict[str, Raw]:
    """An image folder: root/train/CLASS/*.jpg and root/val/CLASS/*.jpg, or just root/CLASS/*.jpg.

    Classes are the folder names sorted as strings (torchvision's ImageFolder rule, so "10" comes
    before "2"); the test split is mapped by name, never by position.
    """
    if not root.is_dir():
        what = "is a file: give parquet:PATH, or" if root.is_file() else "does not exist: give"
        raise DataError(f"folder {str(root)!r} {what} folder:PATH of an image folder")
    train = _split_folder(root, TRAIN_NAMES) or root
    test = _split_folder(root, TEST_NAMES)
    if train is root and test is not None:
        raise DataError(f"{root} has {test.name}/ but no train/: name the training folder train")
    classes = _class_folders(train)
    splits = {"train": _folder_split(root, train, classes)}
    if test is not None:
        extra = sorted(set(_class_folders(test)) - set(classes))
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
        splits["test"] = _folder_split(root, test, classes)
        others = [p for p in root.iterdir() if p.name.lower() in TEST_NAMES and p != test]
        unread = tuple(f"folder {p.name}, beside {test.name}" for p in sorted(others))
        splits["test"] = replace(splits["test"], unread=splits["test"].unread + unread)
    return splits


def _split_folder(root: Path, names: tuple[str, ...]) -> Path | None:
    """The folder of a split, by the first of the names that is there; Train is train."""
    found = {p.name.lower(): p for p in sorted(root.iterdir()) if p.is_dir()}
    return next((found[name] for name in names if name in found), None)


def _class_folders(root: Path) -> tuple[str, ...]:
    names = [p.name for p in root.iterdir() if p.is_dir() and not _is_hidden(p)]
    if not names:
        raise DataError(f"{root} has no class folders: expected {root}/CLASS/image.jpg")
    return tuple(sorted(names))


def _is_hidden(path: Path) -> bool:
    """Hidden by its name, or what a Mac puts into a zip file."""
    return path.name.startswith(".") or path.name == "__MACOSX"


def _folder_split(source: Path, root: Path, classes: tuple[str, ...]) -> Raw:
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
