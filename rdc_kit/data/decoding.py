"""Decoding: images become square uint8 arrays, once, in a folder that is checked when read."""

from __future__ import annotations

import json
import os
import sys
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..ground import files, places
from ..ground.progress import bar
from .imagesets import DataError
from .pixels import CORRUPT, THREADS, WHITES, check_disk, opened, square, top_of
from .raw import Raw

RESIZE_RULE = "shorter side to S (bilinear, antialiased), centre crop S x S"
TEST_RULE = "shorter side of larger images to S // 7 * 8, centre crop S x S"
_CHUNK = 512
_MOST_BAD = 50  # corrupt images that are listed
PIXELS, _ROWS, _FACTS = "images.u8", "kept.npy", "meta.json"
_NO_FILE = (FileNotFoundError, NotADirectoryError, IsADirectoryError)

_Decoded = tuple[int, tuple[np.ndarray | Exception, bool]]  # row, its image, and if above white


def memory_budget() -> int:
    """Bytes above which a decoded set stays on disk and is mapped, page by page.

    Raises:
        DataError: RDC_MEMORY_GB is no number above 0.
    """
    asked = os.environ.get("RDC_MEMORY_GB", "8")
    try:
        budget = int(float(asked) * 10**9)
    except (ValueError, OverflowError):
        budget = 0
    if budget <= 0:
        raise DataError(f"RDC_MEMORY_GB must be a number of GB above 0, such as 8, got {asked!r}")
    return budget


def decode(
    raw: Raw, size: int, rule: str, on_bad: str, home: Path, what: str, white: int = WHITES[-1]
) -> None:
    """Write a folder of square images, complete or not at all.

    Args:
        raw: the source. size: side in pixels. rule: RESIZE_RULE or TEST_RULE.
        on_bad: a corrupt image raises ("error") or is left out and counted ("skip").
        home: the folder. what: for the progress bar. white: see `as_rgb`.

    Raises:
        DataError: a corrupt image, none that is not, or one that the disk does not give.
    """
    count = len(raw.labels)
    places.require_free_space(home.parent, int(count * 3 * size * size * 1.05))
    most_bad = _MOST_BAD if on_bad == "error" else count
    with files.atomic_path(home) as part:
        part.mkdir()
        rows = bar(_decoded_rows(raw, size, rule, white), what, total=count)
        kept, bad, bright, check = _written(part / PIXELS, rows, raw, most_bad)
        if bad and on_bad == "error":
            raise DataError(_about(bad))
        if not kept:
            raise DataError(
                f"none of the {count} images could be decoded, starting with {raw.where(0)}"
            )
        np.save(part / _ROWS, np.asarray(kept))
        checks = {PIXELS: check, _ROWS: files.checksum(part / _ROWS)}
        sizes = {name: (part / name).stat().st_size for name in checks}
        facts = {"count": len(kept), "skipped": count - len(kept), "resize": rule}
        facts |= {"clipped": len(bright)}
        files.write_json(part / _FACTS, facts | {"checks": checks, "sizes": sizes})
    if bright:
        print(
            f"{what}: {len(bright)} of {count} images, starting with {raw.where(bright[0])}, hold "
            f"values above {white}, which is white by the training images that were looked at, "
            "and are cut off there: save all images with 8 bits if that loses too much",
            file=sys.stderr,
            flush=True,
        )


def _written(
    path: Path, rows: Iterable[_Decoded], raw: Raw, most_bad: int
) -> tuple[list[int], list[str], list[int], int]:
    """Write images one after the other; no more are read once `most_bad` cannot be decoded.

    Returns:
        The rows that are written, what is wrong with the others, the rows of those that are
        brighter than white, and the checksum of the file.
    """
    kept, bad, bright = list[int](), list[str](), list[int]()
    check = 0
    with path.open("wb") as file:
        for row, (pixels, beyond) in rows:
            if isinstance(pixels, Exception):
                bad.append(f"{raw.where(row)} cannot be decoded ({pixels})")
                if len(bad) == most_bad:
                    break
                continue
            encoded = pixels.tobytes()
            file.write(encoded)
            check = zlib.crc32(encoded, check)
            kept.append(row)
            bright += [row] * beyond
    return kept, bad, bright, check


def _about(bad: list[str]) -> str:
    """All that cannot be decoded, and the remedies."""
    which, more = ("it", "") if len(bad) == 1 else ("them", f" ({len(bad)} images)")
    more = f" (the first {len(bad)}; there may be more)" if len(bad) == _MOST_BAD else more
    return (
        f"{'; '.join(bad)}{more}: repair or remove {which}, or leave {which} out: "
        "load(..., on_bad='skip'), in a notebook the parameter on_bad = \"skip\", "
        "in a command `--on-bad skip` or `-p on_bad skip`"
    )


def is_whole(home: Path) -> bool:
    """Whether a folder of decoded images is there and is what was written; nothing is moved.

    Images that are mapped from disk are checked by their size only: reading them is what the
    mapping saves.
    """
    limit = memory_budget()
    try:
        facts = json.loads((home / _FACTS).read_text())
        checks, sizes = facts["checks"], facts["sizes"]
        return bool(checks) and all(_is_same(home / n, sizes[n], checks[n], limit) for n in checks)
    # Not there, no JSON, or no facts; also where another process moves it away in this moment.
    except (*_NO_FILE, ValueError, KeyError, TypeError):
        return False


def _is_same(path: Path, size: int, check: int, limit: int) -> bool:
    return path.stat().st_size == size and (size > limit or files.checksum(path) == check)


def decoded(home: Path, size: int) -> tuple[torch.Tensor, np.ndarray, dict[str, Any], bool]:
    """Images uint8 [N, 3, S, S] of a folder, their rows, what is noted of them, and if mapped."""
    facts = files.read_json(home / _FACTS)
    shape = (facts["count"], 3, size, size)
    mapped = int(np.prod(shape)) > memory_budget()
    if mapped:
        # Copy-on-write: torch refuses read-only arrays, and the file must never change.
        pixels: np.ndarray = np.memmap(home / PIXELS, dtype=np.uint8, mode="c", shape=shape)
    else:
        pixels = np.fromfile(home / PIXELS, dtype=np.uint8).reshape(shape)
    return torch.from_numpy(pixels), np.load(home / _ROWS), facts, mapped


def _decoded_rows(raw: Raw, size: int, rule: str, white: int) -> Iterator[_Decoded]:
    """Rows in order: the image, and whether it is brighter than white."""

    def one(row: int) -> tuple[np.ndarray | Exception, bool]:
        try:
            image = opened(raw.fetch(row))
            return square(image, size, rule == TEST_RULE, white), (top_of(image) or 0) > white
        except CORRUPT as error:
            check_disk(error, raw.where(row))
            return error, False

    count = len(raw.labels)
    with ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, count, _CHUNK):
            rows = range(start, min(start + _CHUNK, count))
            yield from zip(rows, pool.map(one, rows), strict=True)
