"""Saving a set in the Hub's format: parquet with PNG bytes inside, a dataset card, rdc.json."""

from __future__ import annotations

import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from ..ground import files, store
from ..ground.names import in_markdown
from ..ground.progress import interactive

if TYPE_CHECKING:  # imagesets imports this file, for ImageSet.save
    from .imagesets import ImageSet


def datasets_library() -> Any:
    """The `datasets` package, imported late because it is slow; no bars when no person watches."""
    import datasets

    if not interactive():
        datasets.disable_progress_bars()
    return datasets


def save(images: ImageSet, folder: Path | str, overwrite: bool = False) -> Path:
    """Write a set as a folder that `datasets.load_dataset` and `load("parquet:FOLDER")` read.

    Images are embedded losslessly as PNG. The folder appears complete or not at all.

    Args:
        images: the set.
        folder: where to write; it must not exist yet unless `overwrite`.
        overwrite: replace an existing folder that an earlier save wrote.

    Returns:
        The folder's path.

    Raises:
        FileExistsError: the folder exists (or, with overwrite, was not written by save).
    """
    folder = Path(folder)
    if folder.exists() and not overwrite:
        raise FileExistsError(f"{folder} exists: choose another folder or pass overwrite=True")
    if folder.exists() and not (folder / "rdc.json").is_file():
        raise FileExistsError(
            f"{folder} was not written by save (no rdc.json): save does not replace it"
        )
    table = _dataset(images)
    with files.atomic_path(folder, overwrite) as part:
        (part / "data").mkdir(parents=True)
        table.to_parquet(str(part / "data" / "train-00000-of-00001.parquet"))
        files.write_json(part / "rdc.json", _facts(images))
        (part / "README.md").write_text(card(images, folder.name))
    return folder


def png(pixels: np.ndarray) -> bytes:
    """Encode uint8 [3, H, W] as PNG bytes."""
    buffer = io.BytesIO()
    Image.fromarray(pixels.transpose(1, 2, 0)).save(buffer, format="PNG")
    return buffer.getvalue()


def image_bytes(images: ImageSet) -> int:
    """Bytes of the set's images as PNG: the storage size at which accuracies are compared."""
    return sum(len(png(pixels)) for pixels in images.images.cpu().numpy())


def _dataset(images: ImageSet) -> Any:
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
    return datasets.Dataset.from_dict(columns, features=datasets.Features(features))


def _facts(images: ImageSet) -> dict[str, Any]:
    provenance = {k: v for k, v in images.provenance.items() if k not in ("mapped", "pixels")}
    return {
        "size": images.size,
        "grid": list(images.grid),
        "view": images.view,
        "traits": asdict(images.traits),
        "provenance": provenance,
        "made_with": store.versions(),
    }


def card(images: ImageSet, name: str) -> str:
    """A dataset card: what is inside, how it was made, how to read it back."""
    facts = images.provenance
    lines = [
        f"- {in_markdown(key)}: {in_markdown(value)}"
        for key, value in facts.items()
        if key != "mapped"
    ]
    cells = ""
    if images.members is not None:
        cells = (
            f"\nEvery image is a composite of {images.grid[0]} x {images.grid[1]} cells; "
            "`members` holds the row id of the original in each cell, row by row.\n"
        )
    sizes = "n<1K" if len(images) < 1000 else "1K<n<10K" if len(images) < 10000 else "10K<n<1M"
    return f"""---
pretty_name: {json.dumps(name)}
task_categories: [image-classification]
size_categories: [{sizes}]
configs:
- config_name: default
  data_files:
  - {{split: train, path: data/train-*}}
---
# {in_markdown(name)}

{len(images):,} images of {images.size} x {images.size} pixels, {images.num_classes} classes, \
{len(images) / images.num_classes:g} per class; PNG, hard labels in `label`.
{cells}
{chr(10).join(lines)}

`row_id` is the row of the image in its source; `class_id` repeats `label` for the command of the
benchmark's authors. The licence of the source's images applies.
Read it with `datasets.load_dataset("<this folder>")` or `rdc_kit.load("parquet:<this folder>")`.
"""
