"""A survey of a source: what is corrupt, twice, empty or uneven in it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .decoding import shape_of
from .hub import Raw
from .imagesets import ImageSet
from .loading import load
from .origins import content_hashes
from .sources import open_source

_FLAT = 3.0  # sd of the pixels, of 255, below which an image shows hardly anything
_SHOWN = 5  # examples of each finding


@dataclass
class Survey:
    """What was found in a source.

    Attributes:
        facts: lines about splits, classes and sizes.
        findings: what should be looked at -> examples, the first few by their place.
        counts: what should be looked at -> how many.
    """

    facts: list[str] = field(default_factory=list)
    findings: dict[str, list[str]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, what: str, places: list[str]) -> None:
        """Note a finding, if there is any."""
        if places:
            self.findings[what], self.counts[what] = places[:_SHOWN], len(places)


def survey(name: str, size: int | None = None) -> Survey:
    """Look at every image of a source.

    Corrupt images; images twice, within a split and across training and test, by the pixels that
    are decoded from them; the same image under two labels; images of one plain colour; classes of
    unequal size or missing from the test split.

    Args:
        name, size: as for `load`.

    Raises:
        DataError: the source cannot be read at all.
    """
    raws, found = open_source(name), Survey()
    train, test = load(name, size, on_bad="skip")
    splits = {"train": train} | ({"test": test} if test is not None else {})
    hashes: dict[str, list[str]] = {}
    for split, images in splits.items():
        _describe(split, images, raws[split], found)
        hashes[split] = content_hashes(images.images).tolist()
        _repeats(split, images, raws[split], hashes[split], found)
    if test is None:
        found.add("missing test split", [name])
        return found
    known = {content: row for row, content in enumerate(hashes["train"])}
    both = [
        f"{_place(raws['test'], test, row)} = {_place(raws['train'], train, known[content])}"
        for row, content in enumerate(hashes["test"])
        if content in known
    ]
    found.add("test images that are in the training split too", both)
    absent = [train.classes[k] for k in np.flatnonzero(test.counts().numpy() == 0)]
    found.add("classes without a test image", absent)
    return found


def _describe(split: str, images: ImageSet, raw: Raw, found: Survey) -> None:
    counts = images.counts().numpy()
    shapes = np.array([shape_of(raw.fetch(int(row))) for row in images.row_ids[:: _step(images)]])
    low, high = shapes.min(), shapes.max()
    sides = f"{low} px" if low == high else f"{low} to {high} px"
    found.facts.append(
        f"{split}: {len(images):,} images, {images.num_classes} classes of {counts.min():,} to "
        f"{counts.max():,}, sides of {sides}"
    )
    kept = set(images.row_ids.tolist())
    bad = [raw.where(row) for row in range(len(raw.labels)) if row not in kept]
    found.add(f"{split}: images that cannot be decoded", bad)
    if counts.max() > 10 * max(1, counts.min()):
        least = [images.classes[k] for k in np.argsort(counts)[:_SHOWN]]
        found.add(f"{split}: classes with a tenth of the largest or less, smallest first", least)
    spread = images.images.numpy().reshape(len(images), -1).std(1)
    flat = [_place(raw, images, int(row)) for row in np.flatnonzero(spread < _FLAT)]
    found.add(f"{split}: images of hardly more than one colour", flat)


def _step(images: ImageSet) -> int:
    """Sizes of at most some thousand images are looked at."""
    return max(1, len(images) // 2000)


def _repeats(split: str, images: ImageSet, raw: Raw, hashes: list[str], found: Survey) -> None:
    """Images that come twice in one split, and those that do so under two labels."""
    first: dict[str, int] = {}
    twice: list[str] = []
    torn: list[str] = []
    labels = images.labels.tolist()
    for row, content in enumerate(hashes):
        other = first.setdefault(content, row)
        if other == row:
            continue
        pair = f"{_place(raw, images, row)} = {_place(raw, images, other)}"
        (twice if labels[row] == labels[other] else torn).append(pair)
    found.add(f"{split}: images that come twice", twice)
    found.add(f"{split}: one image under two labels", torn)


def _place(raw: Raw, images: ImageSet, position: int) -> str:
    row = int(images.row_ids[position])
    return f"{raw.where(row)} [{images.classes[int(images.labels[position])]}]"
