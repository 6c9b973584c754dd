"""Tables of images that the `datasets` library reads: parquet files, local folders, the Hub."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..ground.files import files_below, stamp
from ..ground.folders import data_dir
from ..ground.progress import busy
from .columns import (
    IMAGE_COLUMNS,
    LABEL_COLUMNS,
    check_gaps,
    column_of,
    inside,
    labels_of,
    names_beside,
)
from .imagesets import DataError, Numbers, numbered
from .raw import TEST_NAMES, TRAIN_NAMES, Raw
from .saved import beside, on_the_hub
from .saving import FACTS, datasets_library

# The folder that a local dataset's files are in, and the one where `datasets` found them (`_plain`)
Roots = tuple[Path | None, Path | None]


def read_local(path: Path) -> dict[str, Raw]:
    """A parquet file, or a folder that `datasets.load_dataset` reads."""
    datasets = datasets_library()
    if path.is_file():
        files = [path]
    else:
        files = [p for p in files_below(path) if ".cache" not in p.relative_to(path).parts]
    facts = [(str(p.absolute()), str(p.resolve()), *stamp(p)) for p in files]
    identity = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
    # Each set needs its own cache: `datasets` identifies a local folder by its last name only, and
    # would return another set that was once saved in a folder of the same name.
    cache = str(data_dir() / "hf" / f"local-{identity}")
    _check_same_classes(files)
    try:
        plain = _plain(path, files, Path(cache) / "set")
        with busy(f"reading {path.name}"):
            if path.is_file():
                tables = datasets.load_dataset("parquet", data_files=plain, cache_dir=cache)
            else:
                tables = datasets.load_dataset(plain, cache_dir=cache)
    except Exception as error:  # `datasets` raises many types; the chain keeps the cause
        raise DataError(
            f"`datasets` cannot read {str(path)!r} ({_root(error)}): expected parquet files with "
            "an image and a label column, and free space for a copy under data/hf"
        ) from error
    saved = beside(path, tables)
    roots = (path, Path(plain)) if path.is_dir() else (path.parent,) * 2
    return _from_datasets(tables, str(path), identity, saved, roots)


def _check_same_classes(files: list[Path]) -> None:
    """Refuse files that name other classes: `datasets` would give all those of the first one.

    Each file written by `datasets` says in its own facts which names its labels stand for.
    """
    from pyarrow import ArrowException, parquet  # late: slow

    seen: dict[str, tuple[list[str], Path]] = {}
    for file in files:
        try:
            metadata = parquet.read_schema(file).metadata or {}
        except (ArrowException, OSError):  # no parquet file: whether it is an image set, say others
            continue
        features = _features_in(metadata.get(b"huggingface", b"{}"))
        for column in features.keys() & set(LABEL_COLUMNS):
            told = features[column]
            names = told.get("names") if isinstance(told, dict) else None
            if not names:  # plain numbers stand for whatever the other file names
                continue
            before, other = seen.setdefault(column, (names, file))
            if names != before:
                raise DataError(
                    f"{other} and {file} name different classes (or in another order) in column "
                    f"{column!r}: give both the same list (`datasets`' cast_column)"
                )


def _features_in(facts: bytes) -> dict[str, Any]:
    """The columns that a file's own facts tell of; {} where another program left a part empty."""
    try:
        found = json.loads(facts)
    except ValueError:  # no JSON: whether the file can be read, says `datasets`
        return {}
    for name in ("info", "features"):
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _plain(path: Path, files: list[Path], place: Path) -> str:
    """A path, or a place with links to all its files.

    In a path `datasets` takes brackets and stars for patterns and colons for protocols.
    """
    if re.fullmatch(r"[\w./ -]+", str(path.resolve())):
        return str(path.resolve())
    for file in files:
        inner = file.relative_to(path) if path.is_dir() else Path(f"set{path.suffix}")
        (place / inner).parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            (place / inner).symlink_to(file.resolve())
    return str(place if path.is_dir() else place / inner)


def read_hub(key: str, options: dict[str, str], name: str = "") -> dict[str, Raw]:
    """A dataset of the Hugging Face Hub, downloaded once into data/hf."""
    datasets = datasets_library()
    cache = str(data_dir() / "hf")
    try:
        with busy(f"reading {key} from the Hugging Face Hub"):
            tables = datasets.load_dataset(key, cache_dir=cache, **options)
            saved = on_the_hub(key, tables, cache, options.get("revision"))
    except DataError:
        raise
    except Exception as error:  # network, gating and missing repositories all end here
        folder = name or key.rpartition("/")[2]
        raise DataError(
            f"cannot load {key!r} from the Hugging Face Hub ({_root(error)}). Without a network, "
            f"put a copy that `datasets.load_dataset` reads at DIR/{folder} and set RDC_DATA=DIR; "
            "a gated dataset needs `hf auth login` first"
        ) from error
    identity = {s: str(getattr(d, "_fingerprint", len(d))) for s, d in tables.items()}
    return _from_datasets(tables, key, identity, saved)


def _root(error: BaseException) -> str:
    """The first cause of an error, in one line: `datasets` hides a full disk in a vague error."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {(str(error).splitlines() or ['no message'])[0]}"


def _from_datasets(
    tables: Any, where: str, identity: Any, saved: dict[str, Any], roots: Roots = (None, None)
) -> dict[str, Raw]:
    names = list(tables)
    train = next((n for n in [*TRAIN_NAMES, *names] if n in names and n not in TEST_NAMES), None)
    if train is None:
        raise DataError(
            f"{where} has {', '.join(names)} but no train: name the training split train"
        )
    if not saved and {"row_id", "members"} <= set(tables[train].column_names):
        raise DataError(
            f"{where} holds composites (column members), and the {FACTS} that says how their cells "
            "are laid out and seen is not with it: give parquet:FOLDER of the whole folder that "
            f"save or `rdc publish` wrote, with {FACTS} beside data/"
        )
    if saved and "row_id" not in tables[train].column_names:
        raise DataError(
            f"{where} is not what save wrote: it has {FACTS}, but no column row_id: save the set "
            f"again, or remove {FACTS}, and the table alone is read"
        )
    test = next((n for n in TEST_NAMES if n in names), None)
    splits = {"train": _hf_split(tables[train], f"{where}[{train}]", identity, saved, roots)}
    if test is not None:
        splits["test"] = _hf_split(tables[test], f"{where}[{test}]", identity, {}, roots)
        if all(isinstance(raw.classes, Numbers) for raw in splits.values()):
            # A split may lack the last classes: the longer list of numbers is that of both.
            classes = max((raw.classes for raw in splits.values()), key=len)
            splits = {split: replace(raw, classes=classes) for split, raw in splits.items()}
        if splits["test"].classes != splits["train"].classes:
            raise DataError(f"{where}: splits {train} and {test} name different classes")
    if isinstance(splits["train"].classes, Numbers) and not saved:
        check_gaps([raw.labels for raw in splits.values()], where)
    beside: dict[str, list[str]] = {"train": [], "test": []}
    for name in (name for name in names if name not in (train, test)):
        split = "test" if name in TEST_NAMES else "train"
        beside[split].append(f"split {name} ({len(tables[name]):,} images)")
    called = {"train": train, "test": test or ""}
    return {
        split: replace(raw, beside=tuple(beside[split]), called=called[split])
        for split, raw in splits.items()
    }


def _hf_split(part: Any, where: str, identity: Any, saved: dict[str, Any], roots: Roots) -> Raw:
    """One split of a `datasets` dataset, its images left encoded."""
    root, place = roots
    datasets = datasets_library()
    image = column_of(part.column_names, IMAGE_COLUMNS, "image", where)
    label = column_of(part.column_names, LABEL_COLUMNS, "label", where)
    values = labels_of(part, label, where)
    feature = part.features[label]
    if isinstance(feature, datasets.ClassLabel):
        classes: tuple[str, ...] = tuple(feature.names)
    else:
        classes = numbered(int(values.max(initial=0)))
    try:
        encoded = part.cast_column(image, datasets.Image(decode=False))
    except Exception as error:  # pyarrow has a type for each pair of kinds
        raise DataError(
            f"column {image!r} of {where} holds no images but {part.features[image]}: name the "
            f"column of images one of {', '.join(IMAGE_COLUMNS)}"
        ) from error

    def fetch(row: int) -> bytes | Path:
        cell = encoded[row][image]
        if cell is None:
            raise ValueError("the cell is empty")
        if cell["bytes"] is not None:
            return cell["bytes"]
        return inside(Path(cell["path"]), root)

    saved = dict(saved)
    for column in ("row_id", "members"):
        if saved and column in part.column_names:
            saved[column] = np.asarray(part[column][:])
    return Raw(
        fetch=fetch,
        where=lambda row: f"row {row} of {where}",
        labels=values,
        classes=classes,
        identity=[identity, where],
        note={"image_column": image, "label_column": label},
        saved=saved,
        names=names_beside(encoded, image, place),
    )
