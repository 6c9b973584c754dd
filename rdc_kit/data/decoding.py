"""Decoding: images become square uint8 arrays, once, in a folder that is checked when read."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError

from ..ground import files
from ..ground.progress import bar
from .hub import Raw
from .imagesets import DataError

Source = bytes | Path | np.ndarray | Image.Image
RESIZE_RULE = "shorter side to S (bilinear, antialiased), centre crop S x S"
TEST_RULE = "shorter side of larger images to S // 7 * 8, centre crop S x S"
WHITES = (255, 1023, 4095, 16383, 65535)  # largest values of 8, 10, 12, 14 and 16 bits
MOST_PIXELS = 1 << 27  # of one image before it is decoded: above, it is taken for an attack
MOST_STRETCH = 100  # longer side in shorter ones
_CORRUPT = (  # what PIL raises over an image that cannot be decoded
    *(OSError, UnidentifiedImageError, ValueError, SyntaxError, TypeError),
    *(MemoryError, Image.DecompressionBombError),
)
_CHUNK = 512
_THREADS = min(8, os.cpu_count() or 1)  # PIL releases the interpreter lock
_MOST_BAD = 50  # corrupt images that are listed
PIXELS, _ROWS, _FACTS = "images.u8", "kept.npy", "meta.json"
_ORIENTATION = 0x0112  # the EXIF tag; 1 is upright
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


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
        DataError: a corrupt image, or none that is not.
    """
    count = len(raw.labels)
    files.require_free_space(home.parent, int(count * 3 * size * size * 1.05))
    kept: list[int] = []
    bad: list[str] = []
    bright: list[int] = []
    check = 0
    with files.atomic_path(home) as part:
        part.mkdir()
        with (part / PIXELS).open("wb") as file:
            for row, (pixels, beyond) in bar(
                _decoded_rows(raw, size, rule, white), what, total=count
            ):
                if isinstance(pixels, Exception):
                    bad.append(f"{raw.where(row)} cannot be decoded ({pixels})")
                    if on_bad == "error" and len(bad) == _MOST_BAD:
                        break
                    continue
                encoded = pixels.tobytes()
                file.write(encoded)
                check = zlib.crc32(encoded, check)
                kept.append(row)
                bright += [row] * beyond
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
    # Not there, not JSON, or no facts; also where another process moves it away in this moment.
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return False
    except (ValueError, KeyError, TypeError):
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


def _decoded_rows(
    raw: Raw, size: int, rule: str, white: int
) -> Iterator[tuple[int, tuple[np.ndarray | Exception, bool]]]:
    """Rows in order: the image, and whether it is brighter than white."""

    def one(row: int) -> tuple[np.ndarray | Exception, bool]:
        try:
            image = opened(raw.fetch(row))
            return square(image, size, rule == TEST_RULE, white), (_top(image) or 0) > white
        except _CORRUPT as error:
            return error, False

    count = len(raw.labels)
    with ThreadPoolExecutor(_THREADS) as pool:
        for start in range(0, count, _CHUNK):
            rows = range(start, min(start + _CHUNK, count))
            yield from zip(rows, pool.map(one, rows), strict=True)


def square(source: Source, size: int, inner: bool = False, white: int = WHITES[-1]) -> np.ndarray:
    """Decode one image, turn it upright, convert it to RGB and make it square.

    Args:
        source: encoded bytes, a path, a decoded uint8 array [H, W] or [H, W, 3], or an image.
        size: side S in pixels.
        inner: the usual view of test images: the shorter side of a larger image becomes
            S // 7 * 8 pixels (256 for 224) before its middle is cut out.
        white: see `as_rgb`.

    Returns:
        uint8 [3, S, S]. An image that is already S x S keeps its pixels exactly.

    Raises:
        ValueError: the image is larger or narrower than any photograph, or see `as_rgb`.
        OSError: it cannot be decoded.

    Source: the released code of arXiv 2502.06434, train_KD.py; RDED, validation/main.py.
    """
    image = as_rgb(opened(source), white)
    width, height = image.size
    if (width, height) != (size, size):
        shorter = max(size, size // 7 * 8) if inner and min(width, height) > size else size
        wide, high = (shorter * side // min(width, height) for side in (width, height))
        image = image.resize((wide, high), Image.Resampling.BILINEAR)
        left, top = round((wide - size) / 2), round((high - size) / 2)  # as torchvision rounds
        image = image.crop((left, top, left + size, top + size))
    return np.asarray(image).transpose(2, 0, 1)


def opened(source: Source) -> Image.Image:
    """An image whose size was looked at before anything of it is decoded.

    Raises:
        ValueError: it is too large, or too narrow.
    """
    if isinstance(source, Image.Image):
        return source
    if isinstance(source, np.ndarray):
        return Image.fromarray(source)
    image = Image.open(io.BytesIO(source) if isinstance(source, bytes) else source)
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise ValueError(f"{width} x {height} pixels are more than {MOST_PIXELS / 1e6:.0f} million")
    if max(width, height) > MOST_STRETCH * min(width, height):
        raise ValueError(f"{width} x {height} pixels are too narrow for a square of its middle")
    return image


def white_of(raw: Raw, rows: np.ndarray) -> int | None:
    """The value of a source's 16-bit images that is white: the largest of 8, 10, 12, 14 or 16 bits.

    One for all its images, so that their brightness can be compared. What is brighter is cut off,
    so that no test image changes what training images look like.

    Args:
        raw: the source. rows: those that are looked at; what cannot be read is passed over.

    Returns:
        One of WHITES; None where no image that is looked at has more than 8 bits.
    """

    def top(row: int) -> int | None:
        with contextlib.suppress(*_CORRUPT):
            return _top(opened(raw.fetch(row)))
        return None

    with ThreadPoolExecutor(_THREADS) as pool:
        tops = [value for value in pool.map(top, rows.tolist()) if value is not None]
    return next((w for w in WHITES if max(tops) <= w), WHITES[-1]) if tops else None


def _top(image: Image.Image) -> int | None:
    """The largest value of an image of 16 bits, which PIL also opens as 32; None of any other."""
    return int(np.asarray(image).max()) if image.mode.startswith("I") else None


def as_rgb(image: Image.Image, white: int = WHITES[-1]) -> Image.Image:
    """RGB, the right way up by EXIF, without its alpha channel; 16 bits are scaled to 8.

    Args:
        image: any that PIL opens.
        white: the value of 16-bit images that becomes 255, see `white_of`; so do larger ones.

    Raises:
        ValueError: more than 16 bits, or floats beyond 0..1, whose scale nobody can know.
    """
    image = _upright(image)
    if (high := _top(image)) is not None:
        values = np.asarray(image).astype(np.int64)
        low = values.min()
        if low < 0 or high > WHITES[-1]:
            raise ValueError(
                f"it holds values from {low} to {high}, and 16 bits are 0 to {WHITES[-1]}: save it "
                "with 8 or 16 bits"
            )
        scaled = np.minimum(values, white) * 255 // white
        return Image.fromarray(scaled.astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        floats = np.asarray(image)
        if not (np.isfinite(floats).all() and floats.min() >= 0 and floats.max() <= 1):
            raise ValueError("it holds floats beyond 0..1: save it with 8 or 16 bits")
        return Image.fromarray((255 * floats).round().astype(np.uint8)).convert("RGB")
    return image.convert("RGB")


def _upright(image: Image.Image) -> Image.Image:
    """The image turned by its orientation tag; upright already where its EXIF cannot be read.

    PIL's exif_transpose also writes the EXIF anew, which fails on a single malformed tag.
    """
    image.load()  # first: a TIFF turns itself as it is decoded, and then has no tag any more
    try:
        turn = _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # PIL raises many types over broken EXIF; the pixels are whole all the same
        turn = None
    return image if turn is None else image.transpose(turn)


def shape_of(source: bytes | Path | np.ndarray) -> tuple[int, int]:
    """Width and height without decoding; (0, 0) for what is no image."""
    if isinstance(source, np.ndarray):
        return source.shape[1], source.shape[0]
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
            return image.size
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError, Image.DecompressionBombError):
        return 0, 0
