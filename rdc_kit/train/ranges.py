"""What the numbers of a protocol may be, said before a GPU is touched."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from numbers import Real
from typing import Any

from ..data.checks import check_count

_WHOLE = {"epochs": 1, "batch": 1, "teachers": 1, "warmup": 0}  # the least of each
_Range = tuple[str, Callable[[float], bool]]
_ABOVE_0: _Range = ("above 0", lambda value: 0 < value < math.inf)
_FROM_0: _Range = ("of at least 0", lambda value: 0 <= value < math.inf)
_REAL: dict[str, _Range] = {
    "lr": _ABOVE_0,
    "temperature": _ABOVE_0,
    "mix_alpha": _ABOVE_0,
    "weight_decay": _FROM_0,
    "hard_weight": _FROM_0,
    "cutout": ("from 0 to 1", lambda value: 0 <= value <= 1),
    "keep": ("above 0 and at most 1", lambda value: 0 < value <= 1),
}
_MAY_BE_NONE = ("batch", "mix_alpha", "crop")


def check_numbers(values: Mapping[str, Any]) -> None:
    """Check every number of a protocol.

    Args:
        values: field -> value; a crop that is a text is not looked at.

    Raises:
        ValueError: the first that is no number or out of range, with what it may be.
    """
    for name, value in values.items():
        if value is None and name in _MAY_BE_NONE:
            continue
        if name in _WHOLE:
            check_count(name, value, _WHOLE[name])
        if name in _REAL:
            words, fits = _REAL[name]
            if not (_is_real(value) and fits(value)):
                raise ValueError(f"{name} must be a number {words}, got {value!r}")
        if name == "crop" and not isinstance(value, str):
            _check_crop(value)


def _is_real(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _check_crop(crop: Any) -> None:
    numbers = isinstance(crop, tuple) and len(crop) == 2 and all(map(_is_real, crop))
    if not numbers or not 0 < crop[0] <= crop[1] <= 1:
        raise ValueError(
            "crop must be (smallest, largest) area, two fractions above 0 and at most 1, "
            f"got {crop!r}"
        )
