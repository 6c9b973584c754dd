"""The grammar of effects: what is compared, in one line.

"pca - random" is a difference of two arms, `random@soft / random@hard` a ratio, `sre2l@soft -
sre2l@hard - el2n@soft + el2n@hard` a difference of gaps. A term is an arm's key; "@soft" names a
protocol, "#10" the images per class, and "best skip of el2n#50" is not an accuracy, but the value
of an option at which the accuracy is highest. "chance" is the accuracy of guessing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from .arms import arm_named

CHANCE = "chance"
_TERM = re.compile(
    r"(?:best (?P<best>\w+) of )?(?P<arm>[^@#]+)(?:@(?P<protocol>\w[\w-]*))?(?:#(?P<ipc>\d+))?"
)


class Term(NamedTuple):
    """A part of an effect.

    Attributes:
        operator: "+", "-" or "/"; of the first term "+".
        arm: its key, or "chance".
        protocol: its name, "" where only one is measured.
        ipc: images per class, 0 where only one number is measured.
        best: the option whose best value is meant; "" for the measured value itself.
    """

    operator: str
    arm: str
    protocol: str = ""
    ipc: int = 0
    best: str = ""


def terms_of(effect: str) -> list[Term]:
    """The parts of an effect, in order.

    Raises:
        ValueError: a part that is no term, an unknown method or option, or a ratio of more than two
            terms.
    """
    parts = re.split(r" ([-+/]) ", effect)
    operators = ["+", *parts[1::2]]
    if "/" in operators and len(operators) > 2:
        raise ValueError(f"effect {effect!r}: a ratio has two terms")
    return [_term(o, text, effect) for o, text in zip(operators, parts[::2], strict=True)]


def effect_of(terms: Sequence[Term]) -> str:
    """The effect that consists of these parts: the inverse of `terms_of`."""
    parts = []
    for term in terms:
        best = f"best {term.best} of " if term.best else ""
        how = f"@{term.protocol}" if term.protocol else ""
        parts += [term.operator, f"{best}{term.arm}{how}" + (f"#{term.ipc}" if term.ipc else "")]
    return " ".join(parts[1:])  # the first operator is not written


def _term(operator: str, text: str, effect: str) -> Term:
    found = _TERM.fullmatch(text)
    if found is None:
        raise ValueError(
            f"effect {effect!r}: {text!r} is no term; one reads ARM, ARM@PROTOCOL, ARM#IPC or best "
            "OPTION of ARM"
        )
    arm = found["arm"] if found["arm"] == CHANCE else arm_named(found["arm"]).key
    return Term(operator, arm, found["protocol"] or "", int(found["ipc"] or 0), found["best"] or "")
