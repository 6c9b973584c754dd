"""A survey of a source: what is corrupt, twice, empty or uneven in it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

import numpy as np
import torch

from ..ground.names import printable
from .class_folders import must_be_converted
from .imagesets import ImageSet
from .loading import load_with_raws
from .origins import content_hashes, first_copies
from .pixels import shape_of
from .raw import Raw

_FLAT = 3.0  # sd of the pixels, of 255, below which an image shows hardly anything
_SHOWN = 6  # images of each finding
_CHUNK = 32  # images whose pixels are float64 at one time


@dataclass
class Survey:
    """What was found in a source.

    Attributes:
        facts: lines about splits, classes and sizes.
        findings: what should be looked at -> every place where it was found.
        counts: everything that was looked for -> how many were found.
        images: what should be looked at -> the first few images of it; of what comes twice two
            sets, the copies and what they are copies of.
    """

    facts: list[str] = field(default_factory=list)
    findings: dict[str, list[str]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    images: dict[str, tuple[ImageSet, ...]] = field(default_factory=dict)

    def add(self, what: str, places: Sequence[str], *shown: tuple[ImageSet, list[int]]) -> None:
        """Note what was looked for; places and images only where something was found.

        Args:
            what: was looked for.
            places: where it was found; of a name that is no UTF-8, the odd bytes are spelt out.
            shown: sets with the positions of what was found.
        """
        self.counts[what] = len(places)
        if places:
            self.findings[what] = [printable(place) for place in places]
        if places and shown:
            self.images[what] = tuple(images[rows[:_SHOWN]] for images, rows in shown)


def survey(name: str, size: int | None = None) -> Survey:
    """Look at every image of a source.

    Corrupt images; what is not read, for it is hidden, has no image's suffix, lies beside the
    folders of classes or splits, or is one split too many; classes whose images are all in folders
    of their own, which may be the classes; images twice, within a split by the pixels that are
    decoded from them, and across training and test by these or by their files; the same image under
    two labels; images of one plain colour; classes of unequal size, or missing from a test split.
    A copy that was saved anew in another size or format is not found.

    Args:
        name, size: as for `load`.

    Raises:
        DataError: the source cannot be read at all.
    """
    (train, test), raws = load_with_raws(name, size, "skip", restored=False)
    found = Survey()
    splits = {"train": train} | ({"test": test} if test is not None else {})
    for split, images in splits.items():
        _describe(split, images, raws[split], found)
        _repeats(split, images, raws[split], found)
    if test is None:
        if not (raws["train"].saved or "method" in train.provenance):  # a small set needs none
            found.facts.append("no test split: a fifth of each class will be held out, at random")
        return found
    _leaks(raws, train, test, found)
    absent = [train.classes[k] for k in np.flatnonzero(test.counts().numpy() == 0)]
    found.add("classes without a test image", absent)
    return found


def _describe(split: str, images: ImageSet, raw: Raw, found: Survey) -> None:
    counts = images.counts().numpy()
    some = images.row_ids[:: max(1, len(images) // 2000)]  # whose sizes are looked at
    shapes = np.array([shape_of(raw, int(row)) for row in some])
    low, high = shapes.min(), shapes.max()
    sides = f"{low} px" if low == high else f"{low} to {high} px"
    smallest = f" ({images.classes[counts.argmin()]!r})" * bool(counts.min() < counts.max())
    found.facts.append(
        f"{split}: {len(images):,} images, {images.num_classes} classes of {counts.min():,}"
        f"{printable(smallest)} to {counts.max():,}, sides of {sides}"
        + f"; of 16-bit images 0..{images.provenance.get('white')} becomes 0..255"
        * ("white" in images.provenance)
        + f", {images.provenance.get('clipped')} of them brighter and cut off"
        * ("clipped" in images.provenance)
    )
    kept = set(images.row_ids.tolist())
    bad = [raw.name(row) for row in range(len(raw.labels)) if row not in kept]
    found.add(f"{split}: images that cannot be decoded", bad)
    convert = [name for name in raw.unread if must_be_converted(PurePath(name))]
    others = [name for name in raw.unread if not must_be_converted(PurePath(name))]
    found.add(f"{split}: photographs that are not read: convert them to JPEG", convert)
    found.add(f"{split}: not read, by name or place", [*raw.beside, *others])
    found.add(f"{split}: folders that are taken as one class", raw.merged)
    order = np.argsort(counts, kind="stable")
    least = [images.classes[k] for k in order if 10 * counts[k] <= counts.max()]
    found.add(f"{split}: classes with a tenth of the largest or less, smallest first", least)
    rows = np.flatnonzero(spreads(images.images) < _FLAT).tolist()
    flat = [_place(raw, images, row) for row in rows]
    found.add(f"{split}: images of hardly more than one colour", flat, (images, rows))


def spreads(images: torch.Tensor) -> np.ndarray:
    """Sd of the pixels of each image, 0..127.5, float64 [N].

    A chunk of images at a time: float64 takes eight times the memory of the pixels, and a set may
    be mapped from disk because it is too large even for them.

    Args:
        images: uint8 [N, 3, S, S].
    """
    pixels = images.numpy().reshape(len(images), -1)
    starts = range(0, len(pixels), _CHUNK)
    return np.concatenate([pixels[start : start + _CHUNK].std(1) for start in starts])


def _repeats(split: str, images: ImageSet, raw: Raw, found: Survey) -> None:
    """Images that come twice in one split, and those that do so under two labels."""
    labels = images.labels.tolist()
    same = enumerate(first_copies(images.images).tolist())
    twice = [pair for pair in same if pair[0] != pair[1]]
    for what, alike in (("images that come twice", True), ("one image under two labels", False)):
        pairs = [(a, b) for a, b in twice if (labels[a] == labels[b]) == alike]
        said = [f"{_place(raw, images, a)} = {_place(raw, images, b)}" for a, b in pairs]
        shown = [(images, [pair[side] for pair in pairs]) for side in (0, 1)]
        found.add(f"{split}: {what}", said, *shown)


def _leaks(raws: dict[str, Raw], train: ImageSet, test: ImageSet, found: Survey) -> None:
    """Test images that are in the training split: by file, or by pixels.

    Larger test images are cut out closer than training images, so a copied file has other pixels.
    """
    known: dict[str, int] = {}
    for row, keys in enumerate(_keys(raws["train"], train)):
        known |= dict.fromkeys(keys, row)
    pairs = []
    for row, keys in enumerate(_keys(raws["test"], test)):
        copies = [known[key] for key in keys if key in known]
        pairs += [(row, copies[0])] if copies else []
    said = [
        f"{_place(raws['test'], test, a)} = {_place(raws['train'], train, b)}" for a, b in pairs
    ]
    shown = [(test, [a for a, _ in pairs]), (train, [b for _, b in pairs])]
    found.add("test images that are in the training split too", said, *shown)


def _keys(raw: Raw, images: ImageSet) -> list[tuple[str, str]]:
    """Two hashes of every image: of its pixels, and of what it was decoded from."""
    files = [_of_file(raw.fetch(int(row))) for row in images.row_ids]
    return list(zip(content_hashes(images.images), files, strict=True))


def _of_file(source: bytes | Path | np.ndarray) -> str:
    if isinstance(source, np.ndarray):
        encoded = source.tobytes()
    else:
        encoded = source if isinstance(source, bytes) else source.read_bytes()
    return hashlib.blake2b(encoded, digest_size=16).hexdigest()


def _place(raw: Raw, images: ImageSet, position: int) -> str:
    row = int(images.row_ids[position])
    return f"{raw.name(row)} [{images.classes[int(images.labels[position])]}]"
