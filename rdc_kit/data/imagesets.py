"""ImageSet: labelled square images as plain tensors, with row ids and where they came from."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..ground.kinds import check_object
from . import saving
from .origins import Origins

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
VIEWS = ("whole", "cell", "shuffle", "shuffle_full")  # how training may show a set
_MOST_CLASSES = 10**6


class DataError(ValueError):
    """Something is wrong with the data; the message says what, where, and what to do."""


@dataclass(frozen=True)
class Traits:
    """Properties of a source that every protocol respects; numpy's numbers become Python's.

    Attributes:
        size: default side of the stored images, pixels.
        paper_size: side under the "paper" profile, pixels.
        flip: whether a horizontal flip keeps the label (it does not for digits).
        min_crop: smallest area fraction of a random crop that still shows the object.
        mean, std: per-channel normalisation, on images scaled to 0..1.
        student: default network, a name that `models.build` takes; "" is that of `usual_student`.
        paper_student: network of the "paper" profile.
    """

    size: int = 64
    paper_size: int = 224
    flip: bool = True
    min_crop: float = 0.08
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    student: str = ""
    paper_student: str = "resnet18"

    def __post_init__(self) -> None:
        # Equal traits must have one text, which sets are hashed by, and come back from JSON.
        for name, value in list(vars(self).items()):
            plain = value.item() if isinstance(value, np.generic) else value
            if name in ("mean", "std"):
                plain = tuple(v.item() if hasattr(v, "item") else v for v in value)
            object.__setattr__(self, name, plain)


def usual_student(size: int) -> str:
    """The field's small network for images of a size: ConvNet-3, -4 and -5 up to 32, 64, 128 px.

    Width 128; ResNet-18 for larger images.

    Source: Zhao et al., arXiv 2006.05929; Cazenavette et al., arXiv 2203.11932.
    """
    depths = {32: 3, 64: 4, 128: 5}
    return next((f"convnet{d}-w128" for side, d in depths.items() if size <= side), "resnet18")


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Labelled images, all of one square size.

    Attributes:
        images: uint8 [N, 3, S, S], values 0..255.
        labels: int64 [N], in 0..len(classes)-1.
        classes: class names; position = label.
        row_ids: int64 [N], the row of each image in its source; survives selection and shuffling.
        traits: see Traits.
        provenance: facts for JSON: source, split, size, resize rule, method, seed, options.
        grid: (rows, columns) of cells in each image; (1, 1) unless the images are composites.
        members: int64 [N, rows*columns], row id of the original in each cell (row by row);
            None unless the images are composites.
        view: how training shows the set by default: "whole", "cell" or another of VIEWS.
        origins: file names, contents and scores of the originals, where they are known.
        on_disk: the images that provenance["pixels"] is the checksum of, where they are mapped.
    """

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    row_ids: Tensor
    traits: Traits = field(default_factory=Traits)
    provenance: dict[str, Any] = field(default_factory=dict)
    grid: tuple[int, int] = (1, 1)
    members: Tensor | None = None
    view: str = "whole"
    origins: Origins | None = None
    on_disk: Tensor | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def size(self) -> int:
        """Side of the images, pixels."""
        return int(self.images.shape[-1])

    @property
    def student(self) -> str:
        """Name of the default network."""
        return self.traits.student or usual_student(self.size)

    def with_student(self, name: str) -> ImageSet:
        """The same images with another default network."""
        return replace(self, traits=replace(self.traits, student=name))

    @property
    def named_labels(self) -> np.ndarray:
        """Class name of each image, an array of texts [N]."""
        return np.array(self.classes, dtype=object)[self.labels.numpy()]

    @property
    def num_classes(self) -> int:
        """Number of classes, including classes without an image in this set."""
        return len(self.classes)

    def __getitem__(self, rows: Any) -> ImageSet:
        """The same set with only these rows: an int or a slice, ints or a mask as list or array.

        Raises:
            IndexError: no such rows, or they are given in several dimensions.
        """
        if not isinstance(rows, slice):
            rows = _positions(rows)
        members = None if self.members is None else self.members[rows]
        images = self.images[rows]
        return replace(
            self,
            images=images,
            labels=self.labels[rows],
            row_ids=self.row_ids[rows],
            members=members,
            on_disk=images if self.images is self.on_disk else None,  # row_ids say which rows
        )

    def rows_of(self, label: int) -> Tensor:
        """Positions [n] of the images of one class, in stored order.

        Raises:
            IndexError: no such class.
        """
        if not hasattr(label, "__index__") or not 0 <= label < self.num_classes:
            raise IndexError(f"no class {label!r}: they are numbered 0 to {self.num_classes - 1}")
        return self._rows_by_class[label]

    @functools.cached_property
    def _rows_by_class(self) -> tuple[Tensor, ...]:
        """Sorted once: a thousand classes would otherwise read all labels a thousand times."""
        return self.labels.argsort(stable=True).split(self.counts().tolist())

    def like(self, pool: ImageSet) -> ImageSet:
        """This set under a pool's rules: its traits, and its classes in their order.

        So a set of your own is trained and tested as those that were made from the pool. Classes
        that are only numbered get the pool's names, in its order; where both have the same numbers
        for names, so do only those that nobody named (see `Numbers`).

        Raises:
            DataError: other classes, or another size. ValueError: it is no set.
        """
        check_object("the pool", pool, ImageSet)
        names = self.classes
        count = self.num_classes
        if names == numbered(count - 1) and count == pool.num_classes:
            unnamed = isinstance(names, Numbers) or set(names) != set(pool.classes)
            names = pool.classes if unnamed else names
        if set(names) != set(pool.classes):
            raise DataError(f"{self} and {pool} name different classes: {_apart(names, pool)}")
        if self.size != pool.size:
            raise DataError(f"{self} is of {self.size} px, {pool} of {pool.size}: load both alike")
        place = torch.tensor([pool.classes.index(name) for name in names])
        return replace(self, labels=place[self.labels], classes=pool.classes, traits=pool.traits)

    def counts(self) -> Tensor:
        """Images per class, int64 [C]."""
        return torch.bincount(self.labels, minlength=self.num_classes)

    def fingerprint(self) -> str:
        """Hash of pixels, labels, row ids, class names, grid, view and traits.

        Equal fingerprint, equal set; where its originals came from, it does not say.

        A set above the memory budget stays on disk. The checksum that was taken when it was decoded
        then stands for its pixels, so they are not read again; other images in their place are.
        """
        same = self.provenance.get("mapped") and self.images is self.on_disk
        known = self.provenance.get("pixels") if same else None
        content = np.ascontiguousarray(self.images.cpu().numpy()).data if known is None else b""
        text = repr((self.classes, self.traits, self.grid, self.view, tuple(self.images.shape)))
        digest = hashlib.blake2b(text.encode() + f"{known or ''}".encode(), digest_size=12)
        digest.update(content)
        for numbers in (self.labels, self.row_ids):
            digest.update(np.ascontiguousarray(numbers.cpu().numpy()).data)
        return digest.hexdigest()

    def save(self, folder: Path | str, overwrite: bool = False) -> Path:
        """Write the set in the Hub's parquet format; see saving.save."""
        return saving.save(self, folder, overwrite)

    def __repr__(self) -> str:
        cells = "" if self.grid == (1, 1) else f", {self.grid[0]}x{self.grid[1]} composites"
        source = self.provenance.get("source", "?")
        method = self.provenance.get("method")
        method_text = f", {method}" if method else ""
        return (
            f"ImageSet({source}{method_text}: {len(self):,} images of {self.size} px, "
            f"{self.num_classes} classes{cells})"
        )


def _positions(rows: Any) -> Tensor:
    """Rows as torch indexes by them: int64 [n], or a mask bool [N]."""
    if isinstance(rows, np.ndarray):
        rows = np.ascontiguousarray(rows)  # torch takes none that runs backwards
    try:
        rows = torch.atleast_1d(torch.as_tensor(rows))
    except (TypeError, ValueError, RuntimeError):
        raise IndexError(f"rows are chosen by whole numbers or a mask, got {rows!r}") from None
    if rows.ndim > 1:
        raise IndexError(f"rows must be in one dimension, got {tuple(rows.shape)}: flatten them")
    if rows.numel() and (rows.is_floating_point() or rows.is_complex()):
        raise IndexError(f"rows are chosen by whole numbers or a mask, got {rows.dtype}")
    whole = rows.dtype != torch.bool
    # torch takes uint8 for a mask; an empty list has no kind of number
    return rows.long() if whole or not rows.numel() else rows


def _apart(names: Sequence[str], other: ImageSet) -> str:
    """A few of the names that only one of two sets has."""
    mine, others = (
        [n for n in a if n not in b] for a, b in ((names, other.classes), (other.classes, names))
    )
    return f"{', '.join(mine[:3]) or 'none'} and {', '.join(others[:3]) or 'none'}"


class Splits(NamedTuple):
    """The two parts of a source; `test` is None where the source has only one."""

    train: ImageSet
    test: ImageSet | None


class Numbers(tuple[str, ...]):
    """Names of classes that have none: their labels as texts, which no file and nobody gave."""


def numbered(most: int) -> Numbers:
    """Names for classes that have only numbers: "0" to `most`.

    Raises:
        DataError: more than a million; such numbers are ids.
    """
    if most >= _MOST_CLASSES:
        raise DataError(f"label {most} names over a million classes: number them from 0")
    return Numbers(str(k) for k in range(most + 1))


def derived(parent: ImageSet, **facts: Any) -> dict[str, Any]:
    """Provenance of a set made from another: the parent's without its disk cache, and new facts."""
    return saving.without_cache(parent.provenance) | facts


def made_anew(pool: ImageSet, images: Tensor, **facts: Any) -> ImageSet:
    """New images in place of a pool's: as many of each class, class by class, and no row of it.

    Args:
        pool: whose classes and traits they have; of composites, nothing of their grid remains.
        images: uint8 [ipc C, 3, S, S].
        facts: new ones for the provenance.
    """
    each = len(images) // pool.num_classes
    return replace(
        pool,
        images=images,
        labels=torch.arange(pool.num_classes).repeat_interleave(each),
        row_ids=torch.full((len(images),), -1),
        members=None,
        grid=(1, 1),
        view="whole",
        provenance=derived(pool, **facts),
    )
