"""Arms: the lines of a comparison, and the comparisons that the notebooks draw."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

SEEN = {"whole": "whole", "shuffle": "shuffled", "cell": "extracted"}  # views, as figures say
_ENDS = {"easy": "easiest", "hard": "hardest"}


@dataclass(frozen=True)
class Arm:
    """One line of a comparison: how the set is made, and how training sees it.

    Attributes:
        name: what figures and tables call it.
        method: key of the method registry.
        options: the method's options.
        view: "whole", "cell" or "shuffle"; None for the view the set asks for.
        recipe: changes of the protocol, such as {"cutout": 0.5}.
    """

    name: str
    method: str
    options: dict[str, Any] = field(default_factory=dict)
    view: str | None = None
    recipe: dict[str, Any] = field(default_factory=dict)


def pca_arms(grid: int = 2) -> list[Arm]:
    """Prune, combine and augment taken apart, all at equal storage, with the controls.

    The last arm is the control that a look at the others lacks: the same composites and the same
    view, with originals drawn at random, so that combining is not credited to pruning.
    """
    composite = {"grid": grid}
    return [
        Arm("random", "random"),
        Arm("easiest", "el2n", {"order": "easy"}),
        Arm("hardest", "el2n", {"order": "hard"}),
        Arm("easiest, combined, seen whole", "pca", composite, "whole"),
        Arm("easiest, combined, shuffled", "pca", composite, "shuffle"),
        Arm("easiest, combined, extracted", "pca", composite, "cell"),
        Arm("random, combined, extracted", "pca", composite | {"order": "random"}, "cell"),
    ]


def pruning_arms() -> list[Arm]:
    """Each score's easiest and hardest images, CCS's spread over difficulties, and random ones."""
    found = [Arm("random", "random")]
    for name, shown in (("el2n", "EL2N"), ("aum", "AUM"), ("forgetting", "Forgetting")):
        found += [
            Arm(f"{shown}, {_ENDS[order]}", name, {"order": order}) for order in ("easy", "hard")
        ]
    return [*found, Arm("AUM, spread (CCS)", "ccs")]
