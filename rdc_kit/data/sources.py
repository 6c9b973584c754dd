"""Where images come from: the named datasets, a folder, parquet files, the Hugging Face Hub.

Every source becomes a list of encoded images with labels (`Raw`); loading.py decodes them.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..ground.folders import expanded, local_copies
from ..ground.names import unknown
from . import released
from .checks import readable
from .class_folders import SUFFIXES, class_names, folder_split, read_folder, split_folder
from .hub import read_hub, read_local
from .imagesets import DataError, ImageSet, Traits
from .raw import TRAIN_NAMES, Raw


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
    # os.path, unlike Path, also takes what no disk can hold, such as a name of 300 letters.
    if kind in ("folder", "parquet") and rest and not os.path.exists(_place(rest)):
        raise DataError(f"{rest!r} does not exist: give {kind}:PATH of what is there")
    if name in NAMED or (colon and kind in ("folder", "parquet", "hub") and rest):
        released.facts_of(rest if kind == "hub" else "")
        return
    path = _place(name)
    if name and os.path.exists(path):
        if path.is_file() and path.suffix.lower() in SUFFIXES:
            raise DataError(
                f"{name!r} is a single image: give folder:PATH of a folder that has a folder of "
                "images for each class"
            )
        raise DataError(
            f"a dataset is no bare path: give {'folder' if path.is_dir() else 'parquet'}:{name}"
        )
    raise DataError(unknown("dataset", name, NAMED, KINDS))


def _place(path: str) -> Path:
    """A path as it was given, ~ replaced by the home folder."""
    try:
        return expanded(path, "the path")
    except ValueError as error:
        raise DataError(str(error)) from error


@readable()
def check_classes(name: str) -> None:
    """`check_source`, and that a folder has classes to tell apart; no image is read.

    Raises:
        DataError: no class folders, one, or one that cannot be listed; the message says which
            folder to give.
    """
    check_source(name)
    kind, _, rest = name.partition(":")
    if kind != "folder":
        return
    root = _place(rest)
    if not root.is_dir():
        raise DataError(f"{rest!r} is no folder: give folder:PATH of an image folder")
    train = split_folder(root, TRAIN_NAMES) or root
    classes = class_names(train)
    if len(classes) < 2:
        below = split_folder(train / classes[0], TRAIN_NAMES)
        better = (
            f"folder:{train / classes[0]}" if below else "the folder that has one for each class"
        )
        raise DataError(f"{train} has a single class folder, {classes[0]!r}: give {better}")


def at_hand() -> list[str]:
    """The named datasets that need no download: digits, and those in RDC_DATA."""
    copies = local_copies()
    return [n for n in NAMED if n == "digits" or (copies is not None and os.path.isdir(copies / n))]


@readable()
def open_source(name: str) -> dict[str, Raw]:
    """Open a source without decoding it.

    Returns:
        {"train": Raw} and, where the source has one, {"test": Raw}.

    Raises:
        DataError: see the module's other functions; or a folder cannot be listed.
    """
    check_source(name)
    kind, _, rest = name.partition(":")
    if name == "digits":
        return _digits()
    if kind == "folder":
        return read_folder(_place(rest))
    if kind == "parquet":
        return read_local(_place(rest))
    copies = local_copies()
    if copies is not None and not os.path.isdir(copies):
        raise DataError(f"RDC_DATA names {copies}, which is no folder: correct it, or unset it")
    key = rest if kind == "hub" else name
    candidates = [copies / k for k in (key, key.rpartition("/")[2])] if copies is not None else []
    local = next((folder for folder in candidates if os.path.isdir(folder)), None)
    if local is not None:
        splits = read_local(local)
    elif kind == "hub":
        splits = read_hub(rest, {})
    else:
        splits = read_hub(NAMED[name].hub, NAMED[name].options, name)
    facts = released.facts_of(rest if kind == "hub" else "")
    return _released(splits, facts) if facts else splits


def raw_of(images: ImageSet) -> Raw | None:
    """The split whose rows a set's row ids are; None for tensors, saved sets, images made anew."""
    facts = images.provenance
    if "source" not in facts or "split" not in facts or "read_from" in facts:
        return None
    if str(facts.get("family")).startswith("distillation") or bool((images.row_ids < 0).any()):
        return None
    return open_source(facts["source"])[facts["split"]]


def _released(splits: dict[str, Raw], facts: dict[str, Any]) -> dict[str, Raw]:
    """A released set, with its method in the provenance and ImageNet's validation images."""
    train, folder = splits["train"], released.validation_folder()
    splits = {"train": replace(train, note=train.note | facts)}
    if folder is not None:
        names = class_names(folder)
        if len(names) != len(train.classes):
            raise DataError(
                f"IMAGENET_VAL_DIR={folder} has {len(names)} class folders, the set has "
                f"{len(train.classes)} classes: name the folder that holds one folder per class"
            )
        splits["test"] = replace(folder_split(folder, folder, names), classes=train.classes)
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
