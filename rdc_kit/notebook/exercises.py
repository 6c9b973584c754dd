"""Exercises of the notebooks: predict, answer, check; and solutions put in their place.

An exercise is a code cell tagged "exercise" whose id is "exercise-NN-K". It sets `prediction` and
`answer` and ends with `rdc.check("NN-K", answer, prediction, ...)`. Its solution is the cell of the
same id in solutions/NAME.ipynb.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from ..ground.names import unknown
from ..study.figures.names import network_title
from . import algorithms, knobs, readings
from .answers import Interval, NotYet, Unanswered, is_exercise

CHECKS: dict[str, Any] = {**algorithms.CHECKS, **knobs.CHECKS, **readings.CHECKS}


def check(exercise: str, answer: Any, prediction: Any, *given: Any) -> None:
    """Print whether an answer is right: one line, and never the answer.

    Args:
        exercise: such as "02-1".
        answer: the reader's own value or function; `...` where there is none yet.
        prediction: what the reader expected beforehand; `...` where there is none yet.
        given: what the exercise's check compares with, such as the pool and its scores.
    """
    print(f"{exercise}: {verdict(exercise, answer, prediction, *given)}")


def verdict(exercise: str, answer: Any, prediction: Any, *given: Any) -> str:
    """The line that `check` prints, without the exercise's name."""
    if exercise not in CHECKS:
        return unknown("exercise", exercise, CHECKS)
    try:
        if answer is ...:
            raise Unanswered
        measured = CHECKS[exercise](answer, *given)
    except Unanswered:
        noted = prediction is not ...
        return "not answered yet" + ("; your prediction is noted." if noted else ".")
    except NotYet as hint:
        return f"not yet: {str(hint).splitlines()[0]}."  # a function may stop with a long message
    except Exception as error:  # whatever an answer of the wrong kind may set off
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        return f"not yet: the answer cannot be read ({said})."
    with contextlib.suppress(AttributeError, TypeError, ValueError, RuntimeError):
        prediction = prediction.item()  # a number of numpy's or torch's
    if prediction is ...:
        return "right; but predict first, that is half of the exercise."
    return f"right. {_compared(prediction, measured)}"


def _compared(prediction: Any, measured: Any) -> str:
    """The prediction beside what came out."""
    if isinstance(measured, Interval):
        inside = isinstance(prediction, int | float) and measured.low <= prediction <= measured.high
        where = "inside" if inside else "outside"
        return f"You predicted {prediction}; your runs say {measured}: {where}."
    shown = f"{measured:.3g}" if isinstance(measured, float) else str(measured)
    if _agree(prediction, measured):
        return f"It is {shown}, as you predicted."
    said = f"{prediction:.3g}" if isinstance(prediction, float) else str(prediction)
    return f"You predicted {said}; it is {shown}."


def _agree(prediction: Any, measured: Any) -> bool:
    if isinstance(measured, float) and isinstance(prediction, int | float):
        return abs(prediction - measured) <= 0.02 * abs(measured)
    return _in_words(prediction) == _in_words(measured)


def _in_words(value: Any) -> str:
    """A word as it is compared: a network's key and its name in figures are one."""
    return network_title(str(value)).removesuffix(" (small images)").lower()


def solutions_of(notebook: Path) -> dict[str, str]:
    """Id -> code of the solution cells of a notebook, from solutions/ beside it; may be empty."""
    path = notebook.parent / "solutions" / notebook.name
    cells = json.loads(path.read_text())["cells"] if path.is_file() else []
    return {cell["id"]: "".join(cell["source"]) for cell in cells if is_exercise(cell)}


def solved(notebook: Path) -> dict[str, Any]:
    """A notebook's content with the solutions in place of its exercise cells."""
    content, solutions = json.loads(notebook.read_text()), solutions_of(notebook)
    for cell in filter(is_exercise, content["cells"]):
        cell["source"] = solutions[cell["id"]].splitlines(keepends=True)
    return dict(content)
