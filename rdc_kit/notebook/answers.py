"""What the checks of exercises share: how an answer is read, and how it is told not right yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..data.imagesets import ImageSet

_TAG = "exercise"


class NotYet(Exception):
    """The answer is not right; the message says which property fails, never the answer."""


class Unanswered(Exception):
    """There is no answer yet."""


class Interval(NamedTuple):
    """A mean difference over seeds with its 95 % t-interval, points."""

    mean: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.mean:+.1f} ({self.low:+.1f} to {self.high:+.1f}, n = {self.n})"


def is_exercise(cell: dict[str, Any]) -> bool:
    """Whether a cell of a notebook is the reader's to fill, or a solution put there."""
    return _TAG in cell.get("metadata", {}).get("tags", [])


def as_number(answer: Any) -> float:
    """A number, also from an array or tensor with one value.

    Raises:
        NotYet: something else.
    """
    if isinstance(answer, bool | str):
        raise NotYet(f"expected a number, got {answer!r}")
    try:
        return float(answer)
    except (TypeError, ValueError):
        raise NotYet(f"expected a number, got a {type(answer).__name__}") from None


def as_values(answer: Any, shape: tuple[int, ...]) -> Tensor:
    """Numbers of a given shape as float64, from a tensor, an array or lists.

    Raises:
        NotYet: another shape, no numbers, or a NaN among them.
    """
    try:
        values = torch.as_tensor(answer).double()
    except (TypeError, ValueError, RuntimeError):
        raise NotYet(f"expected numbers of shape {shape}, got a {type(answer).__name__}") from None
    if tuple(values.shape) != shape:
        raise NotYet(f"expected shape {shape}, got {tuple(values.shape)}")
    if values.isnan().any():
        raise NotYet("there is a NaN in it: where does 0 times infinity, or 0 / 0, come from?")
    return values


def as_images(answer: Any) -> ImageSet:
    """An image set.

    Raises:
        NotYet: something else.
    """
    if not isinstance(answer, ImageSet):
        raise NotYet(f"expected a set of images (an ImageSet), got a {type(answer).__name__}")
    return answer


def ask(function: Any, *inputs: Any) -> Any:
    """What the reader's function returns.

    Raises:
        Unanswered: it returns `...`, as the empty one does. NotYet: it is none, or stops.
    """
    if not callable(function):
        raise NotYet(f"expected a function, got a {type(function).__name__}")
    try:
        result = function(*inputs)
    except Exception as error:
        raise NotYet(f"your function stops with {type(error).__name__}: {error}") from error
    if result is ...:
        raise Unanswered
    return result


def expect(
    found: Any, right: Any, slips: Mapping[str, Any], otherwise: str, tolerance: float = 1e-4
) -> None:
    """Compare numbers with the right ones, and name the slip if it is a common one.

    Args:
        found: number or tensor.
        right: of the same shape.
        slips: hint -> what somebody gets who makes that slip.
        otherwise: the hint where no slip fits.
        tolerance: absolute.

    Raises:
        NotYet: they differ.
    """

    def same(value: Any) -> bool:
        wanted = torch.as_tensor(value).double()
        return torch.allclose(torch.as_tensor(found).double(), wanted, rtol=1e-4, atol=tolerance)

    if same(right):
        return
    raise NotYet(next((hint for hint, value in slips.items() if same(value)), otherwise))
