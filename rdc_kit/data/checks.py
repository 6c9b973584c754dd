"""Checks of an image set as it enters the kit: from a source, from tensors, from a method."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..ground.names import unknown
from .imagesets import VIEWS, DataError, ImageSet, Numbers, numbered

# What to do about a class that is too small for what all classes are asked.
LEAVE_OUT = "leave the class out (move its folder out of train/ and val/)"


def from_tensors(
    images: Tensor, labels: Tensor, classes: Sequence[str] | None = None, **fields: Any
) -> ImageSet:
    """An ImageSet from your own tensors.

    Args:
        images: uint8 [N, 3, S, S]. Tensors on a GPU are copied from there.
        labels: int64 [N].
        classes: names; "0", "1", ... by default.
        fields: any other field of ImageSet, such as traits or provenance.

    Raises:
        DataError: the tensors are no images and labels, or name over a million classes; or see
            `check_set`.
    """
    if not isinstance(labels, Tensor) or labels.ndim != 1 or labels.is_floating_point():
        raise DataError("labels must be a tensor of whole numbers, one per image: int64 [N]")
    fields.setdefault("row_ids", torch.arange(len(labels)))
    given = {"images": images, "labels": labels.long(), **fields}
    given |= {name: _home(name, v) for name, v in given.items() if isinstance(v, Tensor)}
    if classes is None:
        classes = numbered(int(given["labels"].max()) if len(labels) else 0)
    names = classes if isinstance(classes, Numbers) else tuple(map(str, classes))
    return check_set(ImageSet(classes=names, **given))


def _home(name: str, tensor: Tensor) -> Tensor:
    """A tensor of one's own on the CPU."""
    if tensor.is_meta:
        raise DataError(f"the {name} are on 'meta', where tensors have no numbers: give others")
    return tensor.cpu()


@contextlib.contextmanager
def readable() -> Iterator[None]:
    """Say what a disk does not give, which is no fault of the images.

    Raises:
        DataError: in place of an error of the disk.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None:  # one of our own sentences
            raise
        raise unread(str(error.filename or "the source"), error) from error


def unread(what: str, error: OSError) -> DataError:
    """The sentence about a file or folder that a disk did not give."""
    return DataError(
        f"{what} cannot be read ({error.strerror}): allow reading it, or repair or move it; where "
        "a network disk was away for a moment, the same call again is enough"
    )


def check_set(images: ImageSet) -> ImageSet:
    """Validate a set when it enters the kit: names, shapes, types, label range, sizes that agree.

    Raises:
        DataError: the message says what is wrong and where, also of tensors on a GPU.
    """
    _check_kinds(images)
    shape = tuple(images.images.shape)
    if images.images.dtype != torch.uint8 or len(shape) != 4 or shape[1] != 3:
        raise DataError(f"images must be uint8 [N, 3, S, S], got {images.images.dtype} {shape}")
    if shape[2] != shape[3]:
        raise DataError(f"images must be square, got {shape[2]} x {shape[3]} pixels")
    if not len(images.images) == len(images.labels) == len(images.row_ids):
        raise DataError(
            f"{len(images.images)} images, {len(images.labels)} labels and "
            f"{len(images.row_ids)} row ids: the three must agree"
        )
    if len(images) == 0:
        raise DataError("the set is empty")
    _check_place(images)
    _check_cells(images)
    _check_names(images.classes)
    check_labels(images.labels, images.num_classes)
    return images


def _check_kinds(images: ImageSet) -> None:
    """Refuse what is no tensor, and numbers of rows that are no int64."""
    for name in ("images", "labels", "row_ids", "members"):
        value = getattr(images, name)
        if isinstance(value, np.ndarray):
            raise DataError(
                f"{name} must be a tensor, got a numpy array: torch.from_numpy({name}) makes one"
            )
        if not isinstance(value, Tensor) and not (name == "members" and value is None):
            raise DataError(f"{name} must be a tensor, got {type(value).__name__}")
    for name in ("labels", "row_ids"):
        value = getattr(images, name)
        if value.dtype != torch.int64 or value.ndim != 1:
            raise DataError(f"{name} must be int64 [N], got {value.dtype} {tuple(value.shape)}")


def _check_cells(images: ImageSet) -> None:
    """Refuse a view that is not known, and members that do not fill the cells of the grid."""
    if images.view not in VIEWS:
        raise DataError(unknown("view of a set", images.view, VIEWS))
    if not isinstance(images.grid, tuple) or len(images.grid) != 2:
        raise DataError(f"grid must be (rows, columns) of cells, got {images.grid!r}")
    if (members := images.members) is None:
        return
    shape, wanted = tuple(members.shape), (len(images), images.grid[0] * images.grid[1])
    if members.dtype != torch.int64 or shape != wanted:
        raise DataError(
            f"members must be int64 {wanted}, the original in each cell of each image: got "
            f"{members.dtype} {shape}"
        )


def _check_names(classes: Sequence[str]) -> None:
    """Refuse names of classes that are no texts, or that stand for two classes."""
    for name in classes:
        if not isinstance(name, str):
            raise DataError(f"names of classes must be texts, got {name!r}: write {str(name)!r}")
    if len(set(classes)) < len(classes):
        name = Counter(classes).most_common(1)[0][0]
        raise DataError(f"two classes are named {name!r}: give each a name of its own")


def _check_place(images: ImageSet) -> None:
    """Refuse a set whose tensors lie elsewhere than on the CPU."""
    for name in ("images", "labels", "row_ids", "members"):
        tensor = getattr(images, name)
        if isinstance(tensor, Tensor) and tensor.device.type != "cpu":
            raise DataError(
                f"the {name} of a set must be on the CPU, these are on {str(tensor.device)!r}: "
                "hand over .cpu() of them (training takes them to a GPU by itself)"
            )


def check_labels(labels: Tensor, num_classes: int) -> None:
    """Find a label out of range on the CPU, before a GPU stops with an unclear assertion.

    Raises:
        DataError: the message names the first bad row, its label and the allowed range.
    """
    bad = ((labels < 0) | (labels >= num_classes)).nonzero().squeeze(1)
    if len(bad):
        row = int(bad[0])
        raise DataError(
            f"label {int(labels[row])} at row {row} is out of range 0..{num_classes - 1} "
            f"({len(bad)} such rows): correct the label column or the list of class names"
        )


def check_made(stored: ImageSet, pool: ImageSet, ipc: int, view: str) -> ImageSet:
    """What a method of one's own returned, under the pool's rules.

    Raises:
        DataError: it has not `ipc` images of each class, is shown by another view than its method
            was registered with, or see `ImageSet.like`.
    """
    if not isinstance(stored, ImageSet):
        got = type(stored).__name__
        raise DataError(f"a method must return an ImageSet, such as pool[rows], and not a {got}")
    _check_place(stored)
    if stored.provenance.get("source") != pool.provenance.get("source"):
        stored = replace(stored, row_ids=torch.full_like(stored.row_ids, -1))  # no rows of the pool
    stored = stored.like(pool)
    counts = stored.counts()
    if bool((counts != ipc).any()):
        label = int((counts != ipc).nonzero()[0])
        raise DataError(
            f"{stored} has {int(counts[label])} images of class {stored.classes[label]}, and {ipc} "
            "of each were asked for: return as many, so that sets of equal size are compared"
        )
    if stored.view != view:
        raise DataError(
            f"{stored} is shown by the view {stored.view!r}, and its method was registered with "
            f"{view!r}: say Method(..., view={stored.view!r}), for arms are told apart by it"
        )
    return stored


def check_count(name: str, value: Any, least: int = 1) -> int:
    """A whole number of at least 1 (or another least one), numpy's too, as an int.

    Raises:
        DataError: it is none; the message has its name.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise DataError(f"{name} must be a whole number of at least {least}, got {value!r}")
    return int(value)


def check_enough(pool: ImageSet, per_class: int, lower: str = "ipc") -> None:
    """Check that every class has enough images.

    Args:
        pool: a set. per_class: images that are asked. lower: what may be lowered, for the message.

    Raises:
        DataError: the message names the smallest class.
    """
    if per_class < 1:
        raise DataError(f"images per class must be at least 1, got {per_class}")
    counts = pool.counts()
    smallest = int(counts.argmin())
    if int(counts[smallest]) == 0:
        raise DataError(
            f"class {pool.classes[smallest]!r} has no image: add some, or remove the class (its "
            "folder, or its name in the list of classes)"
        )
    if int(counts[smallest]) < per_class:
        apart = " besides those held out for testing" * ("holdout_share" in pool.provenance)
        raise DataError(
            f"class {pool.classes[smallest]!r} has {int(counts[smallest])} images{apart}, "
            f"{per_class} are asked of each class: lower {lower}"
        )
