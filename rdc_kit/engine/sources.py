"""Where images come from: the named datasets, image folders, parquet files, the Hugging Face Hub.

Every source ends as a list of encoded images with labels (`Raw`); decoding is the next room's work.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from . import runtime
from .imagesets import DataError, Traits
from .progress import datasets_library

IMAGE_COLUMNS = ("image", "img")
LABEL_COLUMNS = ("label", "class_id", "fine_label")
SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"}
TRAIN_NAMES = ("train", "training")
TEST_NAMES = ("validation", "val", "valid", "test")

# (row) -> encoded bytes, a path, or a decoded uint8 array [H, W] or [H, W, 3]
Fetch = Callable[[int], bytes | Path | np.ndarray]


@dataclass(frozen=True)
class Raw:
    """One split before decoding.

    Attributes:
        fetch: image of a row.
        where: human name of a row, for error messages.
        labels: int64 [N].
        classes: class names.
        identity: JSON-able facts that change when the files change; part of the cache key.
        note: facts for the provenance, such as the columns used.
        saved: what a set that this kit saved says of itself (see formats.py); else empty.
    """

    fetch: Fetch
    where: Callable[[int], str]
    labels: np.ndarray
    classes: tuple[str, ...]
    identity: Any
    note: dict[str, Any] = field(default_factory=dict)
    saved: dict[str, Any] = field(default_factory=dict)


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
    student="resnet18-small",
)
NAMED: dict[str, Named] = {
    # Mean and sd of the training split at 32 px. A crop below half of a digit shows another digit.
    "digits": Named(Traits(32, 32, False, 0.5, (0.306,) * 3, (0.323,) * 3, student="convnet3-w32")),
    # The Hub copy is a loading script, which `datasets` no longer runs; its converted branch works.
    "imagenette": Named(
        Traits(), "frgfm/imagenette", {"data_dir": "320px", "revision": "refs/convert/parquet"}
    ),
    "cifar10": Named(_SMALL, "uoft-cs/cifar10"),
    "cifar100": Named(_SMALL, "uoft-cs/cifar100"),
    "tiny-imagenet": Named(
        Traits(size=64, paper_size=64, student="resnet18-small"), "zh-plus/tiny-imagenet"
    ),
    "imagenet-1k": Named(Traits(), "ILSVRC/imagenet-1k"),
}
KINDS = ("folder:PATH", "parquet:PATH", "hub:OWNER/NAME")


def traits_of(name: str) -> Traits:
    """Traits of a source; folders, parquet files and Hub keys get the general ones."""
    return NAMED[name].traits if name in NAMED else Traits()


def check_name(name: str) -> None:
    """Reject an unknown source before anything is read.

    Raises:
        DataError: with the near matches and all that is known.
    """
    kind, colon, rest = name.partition(":")
    if name in NAMED or (colon and kind in ("folder", "parquet", "hub") and rest):
        return
    near = difflib.get_close_matches(name, NAMED, n=1, cutoff=0.5)
    hint = f" - did you mean {near[0]!r}?" if near else "."
    known = ", ".join([*NAMED, *KINDS])
    raise DataError(f"unknown dataset {name!r}{hint} Known: {known}")


def open_source(name: str) -> dict[str, Raw]:
    """Open a source without decoding it.

    Returns:
        {"train": Raw} and, where the source has one, {"test": Raw}.

    Raises:
        DataError: see the module's other functions.
    """
    check_name(name)
    kind, _, rest = name.partition(":")
    if name == "digits":
        return _digits()
    if kind == "folder":
        return _folder(Path(rest).expanduser())
    if kind == "parquet":
        return _local(Path(rest).expanduser())
    copies = runtime.local_copies()
    key = rest if kind == "hub" else name
    for candidate in (key, key.rpartition("/")[2]):
        if copies is not None and (copies / candidate).is_dir():
            return _local(copies / candidate)
    if kind == "hub":
        return _hub(rest, {})
    return _hub(NAMED[name].hub, NAMED[name].options, name)


def _digits() -> dict[str, Raw]:
    """scikit-learn's 1,797 handwritten digits, 8 x 8 grey levels 0..16, split 3 : 1 by class."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    bunch = load_digits()
    pixels = np.rint(bunch.images * (255 / 16)).astype(np.uint8)
    rows = np.arange(len(pixels))
    train, test = train_test_split(rows, test_size=0.25, stratify=bunch.target, random_state=0)

    def part(chosen: np.ndarray) -> Raw:
        chosen = np.sort(chosen)
        return Raw(
            fetch=lambda row: pixels[chosen[row]],
            where=lambda row: f"digits row {chosen[row]}",
            labels=bunch.target[chosen].astype(np.int64),
            classes=tuple(str(k) for k in range(10)),
            identity=hashlib.sha256(pixels[chosen].tobytes()).hexdigest()[:16],
        )

    return {"train": part(train), "test": part(test)}


def _folder(root: Path) -> dict[str, Raw]:
    """An image folder: root/train/CLASS/*.jpg and root/val/CLASS/*.jpg, or just root/CLASS/*.jpg.

    Classes are the folder names sorted as strings (torchvision's ImageFolder rule, so "10" comes
    before "2"); the test split is mapped by name, never by position.
    """
    if not root.is_dir():
        raise DataError(f"folder {str(root)!r} does not exist: give folder:PATH of an image folder")
    train = next((root / n for n in TRAIN_NAMES if (root / n).is_dir()), root)
    test = next((root / n for n in TEST_NAMES if (root / n).is_dir()), None)
    if train is root and test is not None:
        raise DataError(f"{root} has {test.name}/ but no train/: name the training folder train")
    classes = _class_folders(train)
    splits = {"train": _folder_split(train, classes)}
    if test is not None:
        unknown = sorted(set(_class_folders(test)) - set(classes))
        if unknown:
            raise DataError(f"{test} has classes that {train} lacks: {', '.join(unknown[:5])}")
        splits["test"] = _folder_split(test, classes)
    return splits


def _class_folders(root: Path) -> tuple[str, ...]:
    names = sorted(p.name for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    if not names:
        raise DataError(f"{root} has no class folders: expected {root}/CLASS/image.jpg")
    return tuple(names)


def _folder_split(root: Path, classes: tuple[str, ...]) -> Raw:
    files: list[Path] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        found = sorted(p for p in (root / name).rglob("*") if p.suffix.lower() in SUFFIXES)
        files += found
        labels += [label] * len(found)
    if not files:
        raise DataError(
            f"{root} has no images in its class folders (looked for {sorted(SUFFIXES)})"
        )
    facts = [(str(p.relative_to(root)), p.stat().st_size, p.stat().st_mtime_ns) for p in files]
    return Raw(
        fetch=lambda row: files[row],
        where=lambda row: f"row {row} ({files[row]})",
        labels=np.asarray(labels, dtype=np.int64),
        classes=classes,
        identity=hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16],
    )


def _local(path: Path) -> dict[str, Raw]:
    """A parquet file, or a folder that `datasets.load_dataset` reads."""
    datasets = datasets_library()
    if not path.exists():
        raise DataError(f"{str(path)!r} does not exist: give parquet:PATH of a file or folder")
    if path.is_file():
        files = [path]
    else:
        files = sorted(p for p in path.rglob("*") if p.is_file() and ".cache" not in p.parts)
    facts = [(str(p.resolve()), p.stat().st_size, p.stat().st_mtime_ns) for p in files]
    identity = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
    # A cache of its own: `datasets` tells local folders apart by their last name only, and would
    # hand out another set that was once saved as a folder of the same name.
    cache = str(runtime.data_dir() / "hf" / f"local-{identity}")
    try:
        if path.is_file():
            found = datasets.load_dataset("parquet", data_files=str(path), cache_dir=cache)
        else:
            found = datasets.load_dataset(str(path.resolve()), cache_dir=cache)
    except Exception as error:  # datasets raises many kinds; the cause is kept in the chain
        raise DataError(
            f"`datasets` cannot read {str(path)!r} ({_root(error)}): expected parquet files with "
            "an image and a label column, and room for a copy under data/hf"
        ) from error
    facts_file = path / "rdc.json"
    saved = json.loads(facts_file.read_text()) if facts_file.is_file() else {}
    return _from_datasets(found, str(path), identity, saved)


def _hub(key: str, options: dict[str, str], name: str = "") -> dict[str, Raw]:
    """A dataset of the Hugging Face Hub, downloaded once into data/hf."""
    datasets = datasets_library()
    cache = str(runtime.data_dir() / "hf")
    try:
        found = datasets.load_dataset(key, cache_dir=cache, **options)
    except Exception as error:  # network, gating and missing repositories all end here
        folder = name or key.rpartition("/")[2]
        raise DataError(
            f"cannot load {key!r} from the Hugging Face Hub ({_root(error)}). Without a network, "
            f"put a copy that `datasets.load_dataset` reads at DIR/{folder} and set RDC_DATA=DIR; "
            "a gated dataset needs `hf auth login` first"
        ) from error
    identity = {s: str(getattr(d, "_fingerprint", len(d))) for s, d in found.items()}
    return _from_datasets(found, key, identity, {})


def _root(error: BaseException) -> str:
    """What first went wrong, in one line: `datasets` wraps a full disk into something vaguer."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {(str(error).splitlines() or ['no message'])[0]}"


def _from_datasets(found: Any, where: str, identity: Any, saved: dict[str, Any]) -> dict[str, Raw]:
    names = list(found)
    train = next((n for n in TRAIN_NAMES if n in names), names[0])
    test = next((n for n in TEST_NAMES if n in names and n != train), None)
    splits = {"train": _hf_split(found[train], f"{where}[{train}]", identity, saved)}
    if test is not None:
        splits["test"] = _hf_split(found[test], f"{where}[{test}]", identity, {})
        if splits["test"].classes != splits["train"].classes:
            raise DataError(f"{where}: splits {train} and {test} name different classes")
    return splits


def _hf_split(part: Any, where: str, identity: Any, saved: dict[str, Any]) -> Raw:
    """One split of a `datasets` dataset, its images left encoded."""
    datasets = datasets_library()
    image = _column(part.column_names, IMAGE_COLUMNS, "image", where)
    label = _column(part.column_names, LABEL_COLUMNS, "label", where)
    values = np.asarray(part[label][:])
    if not np.issubdtype(values.dtype, np.integer):
        raise DataError(f"column {label!r} of {where} holds {values.dtype}, expected integers")
    feature = part.features[label]
    if isinstance(feature, datasets.ClassLabel):
        classes: Sequence[str] = feature.names
    else:
        classes = [str(k) for k in range(int(values.max()) + 1)]
    encoded = part.cast_column(image, datasets.Image(decode=False))

    def fetch(row: int) -> bytes | Path:
        cell = encoded[row][image]
        return cell["bytes"] if cell["bytes"] is not None else Path(cell["path"])

    saved = dict(saved)
    for column in ("row_id", "members"):
        if saved and column in part.column_names:
            saved[column] = np.asarray(part[column][:])
    return Raw(
        fetch=fetch,
        where=lambda row: f"row {row} of {where}",
        labels=values.astype(np.int64),
        classes=tuple(classes),
        identity=[identity, where],
        note={"image_column": image, "label_column": label},
        saved=saved,
    )


def _column(names: list[str], wanted: tuple[str, ...], what: str, where: str) -> str:
    for name in wanted:
        if name in names:
            return name
    raise DataError(
        f"{where} has no {what} column: found {', '.join(names)}; "
        f"expected one of {', '.join(wanted)} (rename it with `datasets`' rename_column)"
    )
