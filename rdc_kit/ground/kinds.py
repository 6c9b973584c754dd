"""Kinds of values: a number where a number is meant, by what a function's annotations say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# int also stands for float; True is no number.
_PLAIN: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "str": (str,),
    "bool": (bool,),
    "tuple": (tuple, list),
    "list": (tuple, list),
    "dict": (dict,),
    "None": (type(None),),
}
_SAID = {"int": "a whole number", "float": "a number", "str": "a text", "bool": "True or False"}
_SAID |= {"tuple": "a list", "list": "a list", "dict": "a table"}


def check_kinds(where: str, annotations: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Refuse plain values of another kind than annotated.

    Values that are objects of the kit, and annotations that name such objects beside plain kinds,
    are left to those who take them.

    Args:
        where: they are given, for the message. annotations: name -> annotation, as text or type.
        given: name -> value.

    Raises:
        ValueError: one is of another kind; the message says which is meant.
    """
    for name, value in given.items():
        kinds = [_kind(part) for part in _parts(annotations.get(name, ""))]
        plain = [kind for kind in kinds if kind in _PLAIN]
        if not plain or not isinstance(value, str | int | float | bool | tuple | list | dict):
            continue
        if "Grid" in kinds or _is_one(value, plain):
            continue
        said = " or ".join(_SAID[kind] for kind in plain if kind in _SAID) or "left out"
        raise ValueError(f"{where}: {name} must be {said}, got {value!r}")


def _parts(annotation: Any) -> list[str]:
    """The alternatives of an annotation, "int | None"."""
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    return re.sub(r"\[.*?\]", "", text).replace(" ", "").split("|")


def _kind(part: str) -> str:
    return part.rpartition(".")[2]


def _is_one(value: Any, plain: list[str]) -> bool:
    allowed = tuple(kind for name in plain for kind in _PLAIN[name])
    return isinstance(value, allowed) and (not isinstance(value, bool) or bool in allowed)
