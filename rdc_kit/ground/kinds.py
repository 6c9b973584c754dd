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
_OBJECTS = {"Scores", "Teacher"}  # of the kit: no plain value stands for one


def check_kinds(where: str, annotations: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Refuse plain values of another kind than annotated.

    Values that are objects, and annotations that name anything beside plain kinds and the kit's
    own objects (a Path, a Literal, a type of somebody's own), are left to those who take them.

    Args:
        where: they are given, for the message. annotations: name -> annotation, as text or type.
        given: name -> value.

    Raises:
        ValueError: one is of another kind; the message says which is meant.
    """
    for name, value in given.items():
        kinds = _kinds(annotations.get(name, ""))
        plain = [kind for kind in kinds if kind in _PLAIN]
        if not plain or any(kind not in _PLAIN and kind not in _OBJECTS for kind in kinds):
            continue
        if not isinstance(value, str | int | float | bool | tuple | list | dict):
            continue
        if not _is_one(value, plain):
            said = " or ".join(_SAID[kind] for kind in plain if kind in _SAID) or "left out"
            raise ValueError(f"{where}: {name} must be {said}, got {value!r}")


_SUCH = {
    "ImageSet": 'rdc.load("digits").train',
    "Protocol": "rdc.protocols.hard()",
    "Runtime": 'rdc.choose_runtime("cpu")',
    "Scores": "rdc.el2n(pool)",
    "Teacher": "rdc.squeeze(pool)",
    "Traits": 'rdc.load("digits").train.traits',
}


def check_object(name: str, value: Any, kind: type) -> None:
    """Refuse another object than one of the kit's that is meant.

    Args:
        name: of what is given, for the message. kind: ImageSet, Protocol, Runtime, Scores, Teacher.

    Raises:
        ValueError: it is of another kind; the message says how one is made.
    """
    if not isinstance(value, kind):
        given = repr(value) if isinstance(value, str | int | float) else type(value).__name__
        meant = f"of the kind {kind.__name__}, such as {_SUCH[kind.__name__]}"
        raise ValueError(f"{name} must be {meant}, got {given}")


def _kinds(annotation: Any) -> list[str]:
    """Names of the alternatives of an annotation: "list[tuple[int, int]] | None" is a list or None.

    What brackets hold is taken out from the inside, for they may hold others, and any sign.
    """
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    found = 1
    while found:
        text, found = re.subn(r"\[[^][]*\]", "", text)
    return [part.strip().rpartition(".")[2] for part in text.split("|")]


def _is_one(value: Any, plain: list[str]) -> bool:
    allowed = tuple(kind for name in plain for kind in _PLAIN[name])
    return isinstance(value, allowed) and (not isinstance(value, bool) or bool in allowed)
