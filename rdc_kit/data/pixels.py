"""One image: opened, turned upright, converted to RGB, made square; what white is in 16 bits."""

from __future__ import annotations

import errno
import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from ..ground.limits import cores
from .checks import unread
from .raw import Raw

Source = bytes | Path | np.ndarray | Image.Image
WHITES = (255, 1023, 4095, 16383, 65535)  # largest values of 8, 10, 12, 14 and 16 bits
MOST_PIXELS = 1 << 27  # of one image before it is decoded: above, it is taken for an attack
MOST_STRETCH = 100  # longer side in shorter ones
CORRUPT = (  # what PIL raises over an image that cannot be decoded
    *(OSError, UnidentifiedImageError, ValueError, SyntaxError, TypeError),
    *(MemoryError, Image.DecompressionBombError),
)
# None is PIL's own; a link leads nowhere; a header sends PIL to a place that no file has.
_OF_THE_IMAGE = {None, errno.ENOENT, errno.ELOOP, errno.EINVAL, errno.EOVERFLOW}
THREADS = min(8, cores())  # PIL releases the interpreter lock
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
        raw: the source. rows: those that are looked at; what is corrupt is passed over.

    Returns:
        One of WHITES; None where no image that is looked at has more than 8 bits.

    Raises:
        DataError: see `check_disk`.
    """

    def top(row: int) -> int | None:
        try:
            return top_of(opened(raw.fetch(row)))
        except CORRUPT as error:
            check_disk(error, raw.where(row))
            return None

    with ThreadPoolExecutor(THREADS) as pool:
        tops = [value for value in pool.map(top, rows.tolist()) if value is not None]
    return next((w for w in WHITES if max(tops) <= w), WHITES[-1]) if tops else None


def top_of(image: Image.Image) -> int | None:
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
    if (high := top_of(image)) is not None:
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


def shape_of(raw: Raw, row: int) -> tuple[int, int]:
    """Width and height of a row's image without decoding it; (0, 0) of one that is corrupt.

    Raises:
        DataError: see `check_disk`.
    """
    try:
        source = raw.fetch(row)
        if isinstance(source, np.ndarray):
            return source.shape[1], source.shape[0]
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
            return image.size
    except CORRUPT as error:
        check_disk(error, raw.where(row))
        return 0, 0


def check_disk(error: Exception, where: str) -> None:
    """Refuse to take an error of the disk for one of the image, which would be left out for good.

    Raises:
        DataError: the disk did not give the file; it may the next time.
    """
    if isinstance(error, OSError) and error.errno not in _OF_THE_IMAGE:
        raise unread(where, error) from error
