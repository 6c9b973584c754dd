"""A notebook's parameters: their names, how their values are checked, and the profiles."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..data import sources
from ..ground.device import choose_runtime
from ..ground.folders import expanded
from ..ground.names import unknown
from ..study.grid.setups import LAYERS
from ..study.verdicts import tables
from ..train import models


@dataclass(frozen=True)
class Profile:
    """How much a notebook computes.

    Attributes:
        epochs: of every training on a stored set.
        seeds: trainings of each arm.
        teacher_epochs: of the training of a teacher on the pool.
        iterations: of every recovered image; 0 for the method's own number.
        scoring_epochs: of the trainings that give the scores, by metric; a metric's own number
            when left out.
        frozen: what all replicates share to save time, see `plan_trials`; "set" only in experiments
            that ask for one set of each arm.
        full_size: use the source's size in the paper instead of its small default.
        quick_epochs: of trainings on a stored set where there are many of them, as in a curve.
    """

    epochs: int
    seeds: int
    teacher_epochs: int
    iterations: int
    scoring_epochs: Mapping[str, int] = field(default_factory=dict)
    frozen: tuple[str, ...] = ()
    full_size: bool = False
    quick_epochs: int = 50


_FEW = {"el2n": 2, "aum": 4, "aum_prob": 4, "forgetting": 4}
PROFILES = {
    "smoke": Profile(
        3, 2, teacher_epochs=6, iterations=3, scoring_epochs=_FEW, frozen=LAYERS, quick_epochs=1
    ),
    "small": Profile(80, 3, teacher_epochs=15, iterations=100, frozen=LAYERS),
    "paper": Profile(300, 3, teacher_epochs=30, iterations=0, full_size=True, quick_epochs=150),
}


def numbers(text: str) -> tuple[int, ...]:
    """Whole numbers of at least 1 from text such as "1 10", in order.

    Raises:
        ValueError: the text has something else, or nothing.
    """
    words = text.replace(",", " ").split()
    if not words or not all(word.isdigit() and int(word) for word in words):
        raise ValueError(f"expected whole numbers such as '1 10', got {text!r}")
    return tuple(sorted({int(word) for word in words}))


def _at_least(least: int) -> Callable[[Any], str]:
    return lambda value: "" if value >= least else f"must be at least {least}"


def _one_of(*allowed: str) -> Callable[[Any], str]:
    return lambda value: "" if value in allowed else f"must be one of {', '.join(allowed)}"


def _accepted_by(check: Callable[[Any], Any]) -> Callable[[Any], str]:
    def problem(value: Any) -> str:
        try:
            check(value)
        except ValueError as error:
            return f"is not usable: {error}"
        return ""

    return problem


# Every parameter that a notebook may have: its type, and a function from a value to what is wrong
# with it ("": nothing).
PARAMETERS: dict[str, tuple[type, Callable[[Any], str]]] = {
    "dataset": (str, _accepted_by(sources.check_classes)),
    "on_bad": (str, _one_of("error", "skip")),
    "size": (int, lambda value: "" if value in (0, *range(8, 1025)) else "must be 0 or 8 to 1024"),
    "ipc": (int, _at_least(1)),
    "ipcs": (str, _accepted_by(numbers)),
    "teacher": (str, _accepted_by(lambda name: models.with_batch_norm(name) if name else None)),
    "grid": (int, _at_least(1)),
    "students": (str, _accepted_by(lambda text: [*map(models.check_network, text.split())])),
    "results": (str, _accepted_by(tables.check_where)),
    "seeds": (int, _at_least(0)),
    "epochs": (int, _at_least(0)),
    "profile": (str, _one_of(*PROFILES)),
    "device": (str, _accepted_by(choose_runtime)),
}


def check_parameter(key: str, value: Any) -> None:
    """Check the type and the value of one parameter.

    Raises:
        TypeError: unknown name or wrong type. ValueError: a value out of range.
    """
    if key not in PARAMETERS:
        raise TypeError(unknown("parameter", key, PARAMETERS))
    kind, problem = PARAMETERS[key]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise TypeError(f"parameter {key} must be {kind.__name__}, got {value!r}")
    if wrong := problem(value):
        raise ValueError(f"parameter {key}={value!r} {wrong}")


def from_here(key: str, value: Any) -> Any:
    """A checked value, a relative path in it made whole: a notebook runs in its own folder."""
    if key == "dataset" and value.startswith(("folder:", "parquet:")):
        kind, _, place = value.partition(":")
        return f"{kind}:{_whole(place)}"
    if key == "results" and value not in tables.WHERE:
        return _whole(value)
    return value


def _whole(text: str) -> str:
    path = expanded(text, "the path")
    return text if path.is_absolute() else str(path.resolve())


def own_parameters(caller: dict[str, Any]) -> dict[str, Any]:
    """What the notebook's parameters cell sets: the names that have a type, as for papermill.

    Raises:
        TypeError: an unknown name that looks like a known one, in that cell or given to papermill.
    """
    declared = caller.get("__annotations__") or PARAMETERS
    for name in (*declared, *_given_to_papermill(caller)):
        if name not in PARAMETERS and difflib.get_close_matches(name, PARAMETERS, 1, 0.8):
            raise TypeError(unknown("parameter", name, PARAMETERS))
    return {name: caller[name] for name in PARAMETERS if name in declared and name in caller}


def _given_to_papermill(caller: dict[str, Any]) -> list[str]:
    """Names that the cell sets which papermill puts behind a notebook's own parameters."""
    cells = [cell for cell in caller.get("In", ()) if cell.startswith("# Parameters\n")]
    return re.findall(r"^(\w+) = ", "\n".join(cells), re.MULTILINE)
