"""Loading: a source by its name, as square uint8 images of one size."""

from __future__ import annotations

import contextlib
import math
import shutil
from dataclasses import replace
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..ground import files, locks, store
from ..ground.folders import data_dir
from .checks import check_labels, check_set
from .decoding import PIXELS, RESIZE_RULE, TEST_RULE, decode, decoded, is_whole
from .imagesets import DataError, ImageSet, Splits, Traits
from .origins import FILE, Origins, file_names
from .pixels import WHITES, shape_of, square, white_of
from .raw import Raw
from .sources import NAMED, check_source, open_source, raw_of, traits_of

_LOOKED_AT = 1000  # images that stand for a source's size and statistics
_AT_ONCE = 50  # of them


def load(name: str | Path, size: int | None = None, on_bad: str = "error") -> Splits:
    """Load a source as square uint8 images; decoded once, then read from a cache under data/.

    Args:
        name: "digits", "imagenette", "cifar10", "cifar100", "tiny-imagenet", "imagenet-1k",
            "folder:PATH", "parquet:PATH" or "hub:OWNER/NAME"; of a Path, its text.
        size: side in pixels; by default `usual_size`.
        on_bad: a corrupt image raises ("error") or is left out and counted ("skip").

    Returns:
        Splits(train, test): `pool, test = load("digits")`. test is None if the source has none.
        Sets above RDC_MEMORY_GB (default 8) are mapped from disk instead of read into memory.

    Raises:
        DataError: unknown name, missing file or column, label out of range, corrupt image,
            no network; the message says what to do.
    """
    return load_with_raws(str(name), size, on_bad)[0]


def load_with_raws(
    name: str, size: int | None = None, on_bad: str = "error", restored: bool = True
) -> tuple[Splits, dict[str, Raw]]:
    """`load`, and the splits before decoding, which know what of the source is not read.

    Args:
        name, size, on_bad: as for `load`.
        restored: of a set that this kit saved, with all it saved; else only the table is read,
            and row ids are rows of that.

    Returns:
        What `load` does, and the splits as the source has them.
    """
    check_source(name)
    if on_bad not in ("error", "skip"):
        raise DataError(f"on_bad must be 'error' or 'skip', got {on_bad!r}")
    if size is not None:
        check_size(size)
    raws = open_source(name)
    size = int(size) if size else usual_size(name, raws["train"])
    own = name not in NAMED and not raws["train"].saved and "method" not in raws["train"].note
    white = _white(name, raws["train"]) if own else None
    read = raws if restored else {s: replace(raw, saved={}) for s, raw in raws.items()}
    sets = {s: _load_split(name, s, raw, size, on_bad, white) for s, raw in read.items()}
    if own:
        traits = _with_own_statistics(sets["train"])
        sets = {split: replace(images, traits=traits) for split, images in sets.items()}
    return Splits(sets["train"], sets.get("test")), raws


def check_size(size: Any) -> None:
    """Refuse a side at which nothing is loaded.

    Raises:
        DataError: it is no whole number of pixels from 8 to 1024.
    """
    if not isinstance(size, Integral) or not 8 <= int(size) <= 1024:
        raise DataError(f"size must be a whole number of pixels from 8 to 1024, got {size!r}")


def usual_size(name: str, raw: Raw | None = None) -> int:
    """The size at which a source is loaded when none is asked for, pixels.

    A named source's own, that of a set which this kit saved, or, of a folder, parquet file or Hub
    key, the side of its images where all that are looked at are alike, square and of 8 to 224 px;
    64 px otherwise. What is corrupt is passed over: decoding names it.
    """
    if name in NAMED or traits_of(name) != Traits():
        return traits_of(name).size
    raw = raw or open_source(name)["train"]
    if raw.saved.get("size"):
        return int(raw.saved["size"])
    shapes = {shape_of(raw, int(row)) for row in _looked_at(len(raw.labels))} - {(0, 0)}
    wide, high = shapes.pop() if len(shapes) == 1 else (0, 0)
    return wide if wide == high and 8 <= wide <= 224 else traits_of(name).size


def _white(name: str, raw: Raw) -> int | None:
    """`white_of` the training images; kept beside them, for all that are looked at are decoded."""
    key = store.config_hash({"source": name, "identity": raw.identity})
    note = data_dir() / "cache" / f"{files.safe_name(name)}-white-{key}.json"
    known = files.read_json(note)
    if isinstance(known, dict) and known.get("white") in WHITES:
        return int(known["white"])
    white = white_of(raw, _looked_at(len(raw.labels)))
    if white is not None:
        with contextlib.suppress(OSError):  # a home that may only be read is enough
            files.write_json(note, {"white": white})
    return white


def _looked_at(count: int) -> np.ndarray:
    """Rows that stand for so many, evenly spaced."""
    return np.unique(np.linspace(0, count - 1, _LOOKED_AT).astype(int))


def _with_own_statistics(pool: ImageSet) -> Traits:
    """The pool's traits, with the mean and sd of its own channels."""
    mean, std = channel_statistics(pool.images, torch.from_numpy(_looked_at(len(pool))))
    first, second = (tuple(round(v, 4) for v in values) for values in (mean, std))
    own: dict[str, Any] = {"mean": first, "std": tuple(max(0.01, v) for v in second)}
    return replace(pool.traits, **own)


def channel_statistics(images: torch.Tensor, rows: torch.Tensor) -> tuple[list[float], list[float]]:
    """Mean and sd of each channel of some images uint8 [N, 3, S, S], in 0..1, from whole sums."""
    counts = torch.zeros(3, 256, dtype=torch.int64)  # how often each value is there
    for part in rows.split(_AT_ONCE):
        for channel, pixels in enumerate(images[part].unbind(1)):
            counts[channel] += torch.bincount(pixels.flatten(), minlength=256)
    means, sds = [], []
    for found in counts.tolist():
        total = sum(found)
        first, second = (sum(n * k**power for k, n in enumerate(found)) for power in (1, 2))
        means.append(first / total / 255)
        sds.append(math.sqrt(total * second - first**2) / total / 255)
    return means, sds


def in_full(pool: ImageSet) -> tuple[torch.Tensor, torch.Tensor]:
    """The larger images that a pool was made from, as far as they can be had, at its paper size.

    Args:
        pool: from `load`, or rows of it.

    Returns:
        Images uint8 [M, 3, T, T], T at least the pool's size, and the position int64 [N] of each
        image of the pool among them. The pool's own images, if it is no part of a source's training
        split, was saved and read again, was changed since it was loaded, or is as large as the
        source's `paper_size`.

    Raises:
        DataError: the source has other images now than when the pool was loaded.
    """
    facts, own = pool.provenance, (pool.images, torch.arange(len(pool)))
    name, side = facts.get("source", ""), pool.traits.paper_size
    if facts.get("split") != "train" or pool.members is not None:
        return own
    if "method" in facts or "read_from" in facts:  # a saved set is whole without its source
        return own
    if side <= pool.size:
        return own
    same, large = (
        load(name, size, "skip" if facts.get("skipped") else "error").train
        for size in (pool.size, side)
    )
    place = torch.searchsorted(large.row_ids, pool.row_ids).clamp(max=len(large) - 1)
    if not _are_rows_of(large[place], pool):
        raise DataError(
            f"{name} has other images now than when this pool was loaded: load it again"
        )
    looked_at = _looked_at(len(pool))
    there = torch.searchsorted(same.row_ids, pool.row_ids[looked_at])
    if not torch.equal(same.images[there], pool.images[looked_at]):
        return own
    if pool.images is not pool.on_disk and not _has_pixels_of(same, pool):
        return own
    return large.images, place


def _are_rows_of(found: ImageSet, pool: ImageSet) -> bool:
    """Whether rows of a source are those of a pool, by row and, where known, file name."""
    same = torch.equal(found.row_ids, pool.row_ids)
    return same and bool((file_names(found) == file_names(pool)).all())


def _has_pixels_of(source: ImageSet, pool: ImageSet) -> bool:
    """Whether every image of a pool is its source's; a few at a time, to spare memory."""
    there = torch.searchsorted(source.row_ids, pool.row_ids)
    parts = (slice(k, k + _LOOKED_AT) for k in range(0, len(pool), _LOOKED_AT))
    return all(torch.equal(source.images[there[part]], pool.images[part]) for part in parts)


def to_look_at(images: ImageSet, size: int = 128) -> torch.Tensor:
    """A few images as large as a person wants to see them, decoded from their source anew.

    Args:
        images: a pool or rows of it; sets that are no part of a source stay as they are.
        size: side in pixels; larger images stay as they are.

    Returns:
        uint8 [N, 3, T, T].
    """
    raw = raw_of(images) if images.members is None and images.size < size else None
    if raw is None or not len(images):
        return images.images
    rows = images.row_ids.tolist()
    scale = {"white": images.provenance["white"]} if "white" in images.provenance else {}
    return torch.from_numpy(np.stack([square(raw.fetch(row), size, **scale) for row in rows]))


def _load_split(
    name: str, split: str, raw: Raw, size: int, on_bad: str, white: int | None
) -> ImageSet:
    check_labels(torch.from_numpy(raw.labels), len(raw.classes))
    rule = TEST_RULE if split == "test" else RESIZE_RULE
    key = {"source": name, "split": split, "size": size, "resize": rule}
    scale = {} if white is None else {"white": white}
    key |= {"identity": raw.identity, "on_bad": on_bad, **scale}
    key |= {"above": "cut off"} if scale else {}  # such images were once refused, or left out
    folder = f"{files.safe_name(name)}-{split}-{size}-{store.config_hash(key)}"
    home = data_dir() / "cache" / folder
    if not is_whole(home):  # a home that cannot be written to may hold all that is needed
        with locks.lock(home.parent / f"{home.name}.lock", f"decoding {name}", wait=True):
            if not is_whole(files.restored(home)):
                if home.exists():  # only here: without the lock, another may have made it anew
                    files.set_aside(home, "its files are not what was written")
                decode(raw, size, rule, on_bad, home, f"decoding {name} [{split}]", **scale)
                if open_source(name)[split].identity != raw.identity:
                    shutil.rmtree(home)
                    raise DataError(f"files of {name} changed while they were read: load it again")
    pixels, kept_rows, facts, mapped = decoded(home, size)
    provenance = {
        "source": name,
        "split": split,
        "size": size,
        "resize": rule,
        "skipped": facts["skipped"],
        "pixels": facts["checks"][PIXELS],
        "mapped": mapped,
        **raw.note,
        **scale,
    }
    provenance |= {"clipped": facts["clipped"]} if facts.get("clipped") else {}
    rows = kept_rows.astype(np.int64)
    images = ImageSet(
        images=pixels,
        labels=torch.from_numpy(raw.labels[kept_rows]),
        classes=raw.classes,
        row_ids=torch.from_numpy(rows),
        traits=traits_of(name),
        provenance=provenance,
        origins=None if raw.names is None else Origins(rows, {FILE: raw.names[rows]}),
        on_disk=pixels if mapped else None,
    )
    return check_set(_with_saved_facts(images, raw.saved, kept_rows))


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
        traits=Traits(**saved["traits"]),
        provenance={**saved["provenance"], "read_from": images.provenance["source"]},
        origins=saved.get("origins"),
    )
