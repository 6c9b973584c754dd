"""Saving a set in the Hub's format: parquet with PNG bytes, card, rdc.json, list of originals."""

from __future__ import annotations

import io
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from ..ground import files, store
from ..ground.folders import expanded
from ..ground.progress import interactive
from .cards import card
from .origins import CONTENT, FILE, PLACE, index_list

if TYPE_CHECKING:  # imagesets imports this file, for ImageSet.save
    import pandas as pd

    from .imagesets import ImageSet

FACTS, INDEX = "rdc.json", "originals.csv"


def datasets_library() -> Any:
    """The `datasets` package, imported late because it is slow; its bars only in a terminal.

    In a notebook they would stay in the saved file.
    """
    import datasets

    if not interactive() or "ipykernel" in sys.modules:
        import huggingface_hub.utils

        datasets.disable_progress_bars()
        huggingface_hub.utils.disable_progress_bars()
    return datasets


def save(images: ImageSet, folder: Path | str, overwrite: bool = False) -> Path:
    """Write a set as a folder that `datasets.load_dataset` and `load("parquet:FOLDER")` read.

    Images are embedded losslessly as PNG, beside the file name, content and scores of the
    original where they are known; of a composite, the file names of its cells and the mean of their
    scores. originals.csv lists the originals one by one. The folder appears complete or not at all.

    Args:
        images: the set.
        folder: where to write, ~ for the home folder; it must not exist yet unless `overwrite`.
        overwrite: replace an existing folder that an earlier save wrote.

    Returns:
        The folder's path.

    Raises:
        FileExistsError: the folder exists (or, with overwrite, was not written by save).
        ValueError: it begins with ~ and an unknown user.
    """
    folder = expanded(folder, "the folder")
    if folder.exists() and not overwrite:
        raise FileExistsError(f"{folder} exists: choose another folder or pass overwrite=True")
    if folder.exists() and not (folder / FACTS).is_file():
        raise FileExistsError(
            f"{folder} was not written by save (no rdc.json): save does not replace it"
        )
    listed = index_list(images)
    table = _dataset(images, listed)
    with files.atomic_path(folder, overwrite) as part:
        (part / "data").mkdir(parents=True)
        table.to_parquet(str(part / "data" / "train-00000-of-00001.parquet"))
        files.write_json(part / FACTS, _facts(images))
        (part / "README.md").write_text(card(images, folder.name))
        if len(listed):
            listed.to_csv(part / INDEX, index=False)
    return folder


def png(pixels: np.ndarray) -> bytes:
    """Encode uint8 [3, H, W] as PNG bytes."""
    buffer = io.BytesIO()
    Image.fromarray(pixels.transpose(1, 2, 0)).save(buffer, format="PNG")
    return buffer.getvalue()


def image_bytes(images: ImageSet) -> int:
    """Bytes of the set's images as PNG: the storage size at which accuracies are compared."""
    return sum(len(png(pixels)) for pixels in images.images.cpu().numpy())


def _dataset(images: ImageSet, listed: pd.DataFrame) -> Any:
    """The set as a `datasets.Dataset`; it holds the bytes of images, never paths."""
    datasets = datasets_library()
    features = {
        "image": datasets.Image(),
        "label": datasets.ClassLabel(names=list(images.classes)),
        "class_id": datasets.Value("int64"),  # what the benchmark's own command reads
        "row_id": datasets.Value("int64"),
    }
    pixels = images.images.cpu().numpy()
    columns: dict[str, Any] = {
        "image": [{"bytes": png(image), "path": None} for image in pixels],
        "label": images.labels.tolist(),
        "class_id": images.labels.tolist(),
        "row_id": images.row_ids.tolist(),
    }
    if images.members is not None:
        features["members"] = datasets.List(datasets.Value("int64"))
        columns["members"] = images.members.tolist()
    for name, (kind, column) in _of_originals(images, listed).items():
        features[name], columns[name] = kind, column
    return datasets.Dataset.from_dict(columns, features=datasets.Features(features))


def _of_originals(images: ImageSet, listed: pd.DataFrame) -> dict[str, tuple[Any, list[Any]]]:
    """What is known of the originals of each image: column -> its type and its values."""
    if not len(listed):
        return {}
    datasets, shape = datasets_library(), (len(images), -1)
    text, number = datasets.Value("string"), datasets.Value("float32")
    columns = {
        name: (number, listed[name].to_numpy().reshape(shape).mean(1).tolist())
        for name in listed.columns.drop(list(PLACE))
    }
    if images.members is None:
        return {name: (text, listed[name].tolist()) for name in (FILE, CONTENT)} | columns
    files_of = listed[FILE].to_numpy().reshape(shape).tolist()
    return {"member_files": (datasets.List(text), files_of)} | columns


def without_cache(provenance: dict[str, Any]) -> dict[str, Any]:
    """Facts of a set that hold of its copies too: without those of images mapped from disk."""
    return {k: v for k, v in provenance.items() if k not in ("mapped", "pixels")}


def _facts(images: ImageSet) -> dict[str, Any]:
    return {
        "size": images.size,
        "grid": list(images.grid),
        "view": images.view,
        "traits": asdict(images.traits),
        "provenance": without_cache(images.provenance),
        "made_with": store.versions(),
    }
