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
from .sources import NAMED, check_source, open_source, traits_of

RESIZE_RULE = "shorter side to S (bilinear, antialiased), centre crop S x S"
_LOOKED_AT = 1000  # images that stand for a source's size and statistics
TEST_RULE = "shorter side of larger images to S // 7 * 8, centre crop S x S"
# A decoded set above this number of bytes stays on disk and is mapped, page by page.
MEMORY_BUDGET = int(os.environ.get("RDC_MEMORY_GB", "8")) * 10**9
_CHUNK = 512


def load(name: str, size: int | None = None, on_bad: str = "error") -> Splits:
    """Load a source as square uint8 images; decoded once, then read from a cache under data/.

    Args:
        name: "digits", "imagenette", "cifar10", "cifar100", "tiny-imagenet", "imagenet-1k",
            "folder:PATH", "parquet:PATH" or "hub:OWNER/NAME".
        size: side in pixels; by default `usual_size`.
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
    size = size or usual_size(name, raws["train"])
    sets = {split: _load_split(name, split, raw, size, on_bad) for split, raw in raws.items()}
    if name not in NAMED and not raws["train"].saved and "method" not in raws["train"].note:
        traits = _with_own_statistics(sets["train"])
        sets = {split: replace(images, traits=traits) for split, images in sets.items()}
    return Splits(sets["train"], sets.get("test"))


def usual_size(name: str, raw: Raw | None = None) -> int:
    """The size at which a source is loaded when none is asked for, pixels.

    A named source's own, that of a set which this kit saved, or, of a folder, parquet file or Hub
    key, the side of its images where all that are looked at are alike, square and of 8 to 224 px;
    64 px otherwise.
    """
    if name in NAMED or traits_of(name) != Traits():
        return traits_of(name).size
    raw = raw or open_source(name)["train"]
    if raw.saved.get("size"):
        return int(raw.saved["size"])
    rows = np.unique(np.linspace(0, len(raw.labels) - 1, _LOOKED_AT).astype(int))
    shapes = {_shape(raw.fetch(int(row))) for row in rows}
    wide, high = shapes.pop()
    alike = not shapes and wide == high and 8 <= wide <= 224
    return wide if alike else traits_of(name).size


def _shape(source: bytes | Path | np.ndarray) -> tuple[int, int]:
    """Width and height without decoding; (0, 0) for what is no image."""
    if isinstance(source, np.ndarray):
        return source.shape[1], source.shape[0]
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
            return image.size
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError):
        return 0, 0


def _with_own_statistics(pool: ImageSet) -> Traits:
    """The pool's traits, with the mean and sd of its own channels."""
    rows = torch.from_numpy(np.unique(np.linspace(0, len(pool) - 1, _LOOKED_AT).astype(int)))
    pixels = pool.images[rows].double().transpose(0, 1).flatten(1) / 255
    mean, std = pixels.mean(1), pixels.std(1, correction=0).clamp(min=0.01)
    first, second = ([round(float(v), 4) for v in values] for values in (mean, std))
    own: dict[str, Any] = {"mean": tuple(first), "std": tuple(second)}
    return replace(pool.traits, **own)


def in_full(pool: ImageSet) -> tuple[torch.Tensor, torch.Tensor]:
    """The larger images that a pool was made from, as far as they can be had, at its paper size.

    Args:
        pool: from `load`, or rows of it.

    Returns:
        Images uint8 [M, 3, T, T], T at least the pool's size, and the position int64 [N] of each
        image of the pool among them. The pool's own images, if it is no part of a source's training
        split, or as large as the source's `paper_size`.
    """
    facts, own = pool.provenance, (pool.images, torch.arange(len(pool)))
    name, side = facts.get("source", ""), pool.traits.paper_size
    if facts.get("split") != "train" or "method" in facts or pool.members is not None:
        return own
    if side <= pool.size:
        return own
    large = load(name, side, "skip" if facts.get("skipped") else "error").train
    return large.images, torch.searchsorted(large.row_ids, pool.row_ids)


def _load_split(name: str, split: str, raw: Raw, size: int, on_bad: str) -> ImageSet:
    check_labels(torch.from_numpy(raw.labels), len(raw.classes))
    rule = TEST_RULE if split == "test" else RESIZE_RULE
    key = {"source": name, "split": split, "size": size, "resize": rule}
    key |= {"identity": raw.identity, "on_bad": on_bad}
    cache_key = store.config_hash(key)
    folder = f"{store.safe_name(name)}-{split}-{size}-{cache_key}"
    home = data_dir() / "cache" / folder
    with store.lock(home.parent / f"{home.name}.lock", f"decoding {name}", wait=True):
        if not (home / "meta.json").is_file():
            _decode(raw, size, rule, on_bad, home, f"decoding {name} [{split}]")
    meta = store.read_json(home / "meta.json")
    pixels, mapped = _open_pixels(home / "images.u8", meta["count"], size)
    kept_rows = np.load(home / "kept.npy")
    provenance = {
        "source": name,
        "split": split,
        "size": size,
        "resize": rule,
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


def _decode(raw: Raw, size: int, rule: str, on_bad: str, home: Path, what: str) -> None:
    """Write images.u8, kept.npy and meta.json; the folder appears only when all are complete."""
    count = len(raw.labels)
    store.require_free_space(home.parent, int(count * 3 * size * size * 1.05))
    kept_rows: list[int] = []
    with store.atomic_path(home) as part:
        part.mkdir()
        with (part / "images.u8").open("wb") as file:
            for row, pixels in bar(_decoded_rows(raw, size, rule), what, total=count):
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
        facts = {"count": len(kept_rows), "skipped": count - len(kept_rows), "resize": rule}
        store.write_json(part / "meta.json", facts)


def _decoded_rows(raw: Raw, size: int, rule: str) -> Iterator[tuple[int, np.ndarray | Exception]]:
    """Rows in order; PIL releases the interpreter lock, so threads decode in parallel."""

    def one(row: int) -> np.ndarray | Exception:
        try:
            return square(raw.fetch(row), size, inner=rule == TEST_RULE)
        except (OSError, UnidentifiedImageError, ValueError, SyntaxError) as error:
            return error

    count = len(raw.labels)
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        for start in range(0, count, _CHUNK):
            rows = range(start, min(start + _CHUNK, count))
            yield from zip(rows, pool.map(one, rows), strict=True)


def square(source: bytes | Path | np.ndarray, size: int, inner: bool = False) -> np.ndarray:
    """Decode one image, convert it to RGB and make it square.

    Args:
        source: encoded bytes, a path, or a decoded uint8 array [H, W] or [H, W, 3].
        size: side S in pixels.
        inner: the usual view of test images: the shorter side of a larger image becomes
            S // 7 * 8 pixels (256 for 224) before its middle is cut out.

    Returns:
        uint8 [3, S, S]. An image that is already S x S keeps its pixels exactly.

    Source: the released code of arXiv 2502.06434, train_KD.py; RDED, validation/main.py.
    """
    if isinstance(source, np.ndarray):
        image = Image.fromarray(source)
    else:
        image = Image.open(io.BytesIO(source) if isinstance(source, bytes) else source)
    image = image.convert("RGB")
    width, height = image.size
    if (width, height) != (size, size):
        shorter = max(size, size // 7 * 8) if inner and min(width, height) > size else size
        wide, high = (shorter * side // min(width, height) for side in (width, height))
        image = image.resize((wide, high), Image.Resampling.BILINEAR)
        left, top = round((wide - size) / 2), round((high - size) / 2)  # as torchvision rounds
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
