"""Decode images once, make them square, and keep them as one uint8 array on disk."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError

from ..ground import store
from ..ground.folders import data_dir
from ..ground.progress import bar
from .hub import Raw
from .imagesets import DataError, ImageSet, Splits, Traits, check, check_labels
from .sources import check_source, open_source, traits_of

RESIZE_RULE = "shorter side to S (bilinear, antialiased), centre crop S x S"
# A decoded set above this number of bytes stays on disk and is mapped, page by page.
MEMORY_BUDGET = int(os.environ.get("RDC_MEMORY_GB", "8")) * 10**9
_CHUNK = 512


def load(name: str, size: int | None = None, on_bad: str = "error") -> Splits:
    """Load a source as square uint8 images; decoded once, then read from a cache under data/.

    Args:
        name: "digits", "imagenette", "cifar10", "cifar100", "tiny-imagenet", "imagenet-1k",
            "folder:PATH", "parquet:PATH" or "hub:OWNER/NAME".
        size: side in pixels; by default the size of a set that this kit saved, else the source's
            default (64 for folders, parquet files and Hub keys).
        on_bad: a corrupt image raises ("error") or is left out and counted ("skip").

    Returns:
        Splits(train, test): `pool, test = load("digits")`. test is None if the source has none.
        Sets above RDC_MEMORY_GB (default 8) are mapped from disk instead of read into memory.

    Raises:
        DataError: unknown name, missing file or column, label out of range, corrupt image,
            no network; the message says what to do.
    """
    check_source(name)
    if on_bad not in ("error", "skip"):
        raise DataError(f"on_bad must be 'error' or 'skip', got {on_bad!r}")
    if size is not None and (not isinstance(size, int) or not 8 <= size <= 1024):
        raise DataError(f"size must be a whole number of pixels from 8 to 1024, got {size!r}")
    raws = open_source(name)
    size = size or raws["train"].saved.get("size") or traits_of(name).size
    sets = {split: _load_split(name, split, raw, size, on_bad) for split, raw in raws.items()}
    return Splits(sets["train"], sets.get("test"))


def _load_split(name: str, split: str, raw: Raw, size: int, on_bad: str) -> ImageSet:
    check_labels(torch.from_numpy(raw.labels), len(raw.classes))
    key = {"source": name, "split": split, "size": size, "resize": RESIZE_RULE}
    key |= {"identity": raw.identity, "on_bad": on_bad}
    cache_key = store.config_hash(key)
    folder = f"{store.safe_name(name)}-{split}-{size}-{cache_key}"
    home = data_dir() / "cache" / folder
    with store.lock(home.parent / f"{home.name}.lock", f"decoding {name}", wait=True):
        if not (home / "meta.json").is_file():
            _decode(raw, size, on_bad, home, f"decoding {name} [{split}]")
    meta = store.read_json(home / "meta.json")
    pixels, mapped = _open_pixels(home / "images.u8", meta["count"], size)
    kept_rows = np.load(home / "kept.npy")
    provenance = {
        "source": name,
        "split": split,
        "size": size,
        "resize": RESIZE_RULE,
        "skipped": meta["skipped"],
        "cache_key": cache_key,
        "mapped": mapped,
        **raw.note,
    }
    images = ImageSet(
        images=pixels,
        labels=torch.from_numpy(raw.labels[kept_rows]),
        classes=raw.classes,
        row_ids=torch.from_numpy(kept_rows.astype(np.int64)),
        traits=traits_of(name),
        provenance=provenance,
    )
    return check(_with_saved_facts(images, raw.saved, kept_rows))


def _decode(raw: Raw, size: int, on_bad: str, home: Path, what: str) -> None:
    """Write images.u8, kept.npy and meta.json; the folder appears only when all are complete."""
    count = len(raw.labels)
    store.require_free_space(home.parent, int(count * 3 * size * size * 1.05))
    kept_rows: list[int] = []
    with store.atomic_path(home) as part:
        part.mkdir()
        with (part / "images.u8").open("wb") as file:
            for row, pixels in bar(_decoded_rows(raw, size), what, total=count):
                if isinstance(pixels, Exception):
                    if on_bad == "error":
                        raise DataError(
                            f"{raw.where(row)} cannot be decoded ({pixels}): repair or remove it, "
                            "or load with on_bad='skip'"
                        ) from pixels
                    continue
                file.write(pixels.tobytes())
                kept_rows.append(row)
        if not kept_rows:
            raise DataError(
                f"none of the {count} images could be decoded, starting with {raw.where(0)}"
            )
        np.save(part / "kept.npy", np.asarray(kept_rows))
        facts = {"count": len(kept_rows), "skipped": count - len(kept_rows), "resize": RESIZE_RULE}
        store.write_json(part / "meta.json", facts)


def _decoded_rows(raw: Raw, size: int) -> Iterator[tuple[int, np.ndarray | Exception]]:
    """Rows in order; PIL releases the interpreter lock, so threads decode in parallel."""

    def one(row: int) -> np.ndarray | Exception:
        try:
            return square(raw.fetch(row), size)
        except (OSError, UnidentifiedImageError, ValueError, SyntaxError) as error:
            return error

    count = len(raw.labels)
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        for start in range(0, count, _CHUNK):
            rows = range(start, min(start + _CHUNK, count))
            yield from zip(rows, pool.map(one, rows), strict=True)


def square(source: bytes | Path | np.ndarray, size: int) -> np.ndarray:
    """Decode one image, convert it to RGB and make it square.

    Args:
        source: encoded bytes, a path, or a decoded uint8 array [H, W] or [H, W, 3].
        size: side S in pixels.

    Returns:
        uint8 [3, S, S]. An image that is already S x S keeps its pixels exactly.
    """
    if isinstance(source, np.ndarray):
        image = Image.fromarray(source)
    else:
        image = Image.open(io.BytesIO(source) if isinstance(source, bytes) else source)
    image = image.convert("RGB")
    width, height = image.size
    if (width, height) != (size, size):
        scale = size / min(width, height)
        wide, high = max(size, round(width * scale)), max(size, round(height * scale))
        image = image.resize((wide, high), Image.Resampling.BILINEAR)
        left, top = (wide - size) // 2, (high - size) // 2
        image = image.crop((left, top, left + size, top + size))
    return np.asarray(image).transpose(2, 0, 1)


def _open_pixels(path: Path, count: int, size: int) -> tuple[torch.Tensor, bool]:
    shape = (count, 3, size, size)
    if count * 3 * size * size <= MEMORY_BUDGET:
        return torch.from_numpy(np.fromfile(path, dtype=np.uint8).reshape(shape)), False
    # Copy-on-write: torch refuses read-only arrays, and the file must never change.
    return torch.from_numpy(np.memmap(path, dtype=np.uint8, mode="c", shape=shape)), True


def _with_saved_facts(images: ImageSet, saved: dict[str, Any], kept_rows: np.ndarray) -> ImageSet:
    """Restore grid, members, traits and provenance of a set that this kit saved."""
    if not saved:
        return images
    members = saved.get("members")
    return replace(
        images,
        row_ids=torch.from_numpy(saved["row_id"][kept_rows]),
        members=None if members is None else torch.from_numpy(np.stack(members[kept_rows])),
        grid=tuple(saved["grid"]),
        view=saved["view"],
        traits=Traits(**{k: _hashable(v) for k, v in saved["traits"].items()}),
        provenance={**saved["provenance"], "read_from": images.provenance["source"]},
    )


def _hashable(value: Any) -> Any:
    """JSON has no tuples; traits do."""
    return tuple(value) if isinstance(value, list) else value
