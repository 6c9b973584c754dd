"""Arms: the lines of a comparison, each a way to make a set and a way to look at it.

An arm's key says what differs from the method's defaults and what it changes of the protocol, such
as "pca view=shuffle": two arms have one key only if they are the same. Keys are for joins; what
people read is made from columns (figures.names).
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...augment.boxes import Grid
from ...compression import check_room, check_useful
from ...data.imagesets import DataError, ImageSet
from ...ground.names import unknown
from ...methods import METHODS, method_named
from ...prune.recorders import Scores
from ...train.protocol import FIELDS, Protocol, check_fields
from ...train.teachers import Teacher

CROPS = (0.02, 0.08, 0.25, 0.5, 0.75, 1.0)
# Combining rules: options of pca.
RULES: tuple[dict[str, Any], ...] = (
    {"grid": 1},
    {"grid": (1, 2)},
    {"grid": 2},
    {"grid": 2, "grouping": "sequential"},
    {"grid": 2, "grouping": "random"},
    {"grid": 3},
)
_PROTOCOL = "protocol."  # before a name in a key, where the method has such an option too
_WORDS = {"true": True, "false": False, "none": None}


@dataclass(frozen=True)
class Arm:
    """One line of a comparison.

    Attributes:
        method: key of the method registry.
        options: the method's options, where they are not its defaults.
        protocol: changes of the protocol, such as {"view": "whole"} or {"cutout": 0.5}.
        pool: method whose set is the pool; "" for the dataset itself.

    Raises:
        ValueError: an unknown method, option or protocol field, with the near match, or see
            `check_useful`.
    """

    method: str
    options: dict[str, Any] = field(default_factory=dict)
    protocol: dict[str, Any] = field(default_factory=dict)
    pool: str = ""

    def __post_init__(self) -> None:
        check_useful(self.method, self.options)
        check_fields(self.protocol)

    @property
    def key(self) -> str:
        """The method, and what differs from its defaults: unique and stable."""
        usual = {"view": METHODS[self.method].view} | METHODS[self.method].options
        changes = {
            name: _text(name, value)
            for name, value in (self.options | _told_apart(self.protocol, self.method)).items()
            if name not in usual or _text(name, value) != _text(name, usual[name])
        }
        parts = [f"on={self.pool}"] if self.pool else []
        parts += [f"{name}={changes[name]}" for name in sorted(changes)]
        return " ".join([self.method, *parts])


def _told_apart(protocol: dict[str, Any], method: str) -> dict[str, Any]:
    """Changes of the protocol; "protocol.epochs" where the method has an option of that name."""
    options = METHODS[method].options
    return {_PROTOCOL * (name in options) + name: value for name, value in protocol.items()}


def arm_named(key: str) -> Arm:
    """The arm of a key, such as "pca grid=3x3 view=shuffle": the inverse of `Arm.key`.

    Raises:
        ValueError: an unknown method or name, or a word that is not NAME=VALUE.
    """
    method, *words = key.split() or [""]
    known = method_named(method).options
    options: dict[str, Any] = {}
    changes: dict[str, Any] = {}
    pools: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not text:
            raise ValueError(f"arm {key!r}: expected NAME=VALUE, got {word!r}")
        there = pools if name == "on" else options if name in known else changes
        if there is changes and (name := name.removeprefix(_PROTOCOL)) not in FIELDS:
            raise ValueError(_no_option(method, name, known))
        if name in there:
            raise ValueError(f"arm {key!r}: {name} is there twice")
        usual = known[name] if there is options else getattr(Protocol, name, None)
        there[name] = text if there is pools else _value_in(key, name, text, usual)
    return Arm(method, options, changes, pools.get("on", ""))


def _no_option(method: str, name: str, known: Iterable[str]) -> str:
    what = f"option of {method}, or of training,"
    told, listed, _ = unknown(what, name, [*known, *FIELDS]).partition(" Known: ")
    kinds = f" Of the set: {', '.join(known) or 'none'}; of training: {', '.join(FIELDS)}"
    return told + kinds * bool(listed)


def arm_asked(key: str) -> Arm:
    """The arm of a key that a command or a plan asks for, made of the dataset itself.

    Raises:
        ValueError: as `arm_named`, or its pool is a method's set: see `analyses.crossings`.
    """
    arm = arm_named(key)
    if arm.pool:
        raise ValueError(
            f"arm {key!r}: only chapter 08 makes sets of other sets (on={arm.pool}), leave that out"
        )
    return arm


def _value_in(key: str, name: str, text: str, usual: Any) -> Any:
    try:
        return _value(name, text, usual)
    except ValueError:
        remedy = ", write true or false" * isinstance(usual, bool)
        raise ValueError(f"arm {key!r}: {name} cannot be {text!r}{remedy}") from None


def _value(name: str, text: str, usual: Any) -> Any:
    """The value of a word of a key, the inverse of `_text`; `usual` is what it is if left out."""
    # Where a text is usual, "none" is one: mix=none.
    if text.lower() in _WORDS and not (isinstance(usual, str) and text.islower()):
        return _WORDS[text.lower()]
    if isinstance(usual, bool) or name == "scores":  # scores are no text
        raise ValueError
    if name == "grid":
        sides = [int(side) for side in text.split("x")]
        rows, columns = sides * 2 if len(sides) == 1 else sides
        return rows if rows == columns else (rows, columns)
    if name == "crop" and text != "by_grid":
        low, *high = re.split(r"(?<!e)-", text, maxsplit=1)  # not the one of 1e-05
        return float(low), float(high[0] if high else 1)
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text)
    return text


Parts = dict[str, list[Arm]]  # question -> the arms that answer it


def _text(name: str, value: Any) -> str:
    """A value in a key: "2x3" for a grid, "0.5" for crops of half the area or more."""
    if name == "grid":
        return shape_text(value)
    if name == "crop" and not isinstance(value, str | None):
        low, high = value
        return _number_text(low) if high == 1 else f"{_number_text(low)}-{_number_text(high)}"
    if isinstance(value, Scores):
        return f"{value.name}-{value.fingerprint()[:8]}"
    if isinstance(value, Teacher):
        return f"{'+'.join(value.names)}-{value.fingerprint()[:8]}"
    return _number_text(value) if isinstance(value, float) else str(value)


def _number_text(value: float) -> str:
    """A number as short as it can be without becoming another one."""
    short = f"{value:g}"
    return short if float(short) == value else repr(float(value))


def shape_text(grid: Grid) -> str:
    """A grid as tables hold it: "2x2"."""
    rows, columns = (grid, grid) if isinstance(grid, int) else grid
    return f"{rows}x{columns}"


def method_arms(names: Iterable[str], grid: int = 2) -> list[Arm]:
    """Methods as the registry has them, Random first; PCA with this many cells per side."""
    options = {"pca": {"grid": grid}}
    return [Arm(name, options.get(name, {})) for name in dict.fromkeys(["random", *names])]


def pca_arms(grid: int = 2) -> list[Arm]:
    """Prune, combine and augment taken apart, all at equal storage, with the controls.

    The last arm is the control that a look at the others lacks: the same composites and the same
    view, with originals drawn at random, so that combining is not credited to pruning.
    """
    composite = {"grid": grid}
    return [
        Arm("random"),
        Arm("el2n"),
        Arm("el2n", {"order": "hard"}),
        *(Arm("pca", composite, {"view": view}) for view in ("whole", "shuffle")),
        Arm("pca", composite),
        Arm("pca", composite | {"order": "random"}),
    ]


def pruning_arms() -> list[Arm]:
    """Each metric's easiest and hardest images, CCS's spread over difficulties, and random ones."""
    ends = [
        Arm(name, {"order": order})
        for name in ("el2n", "aum", "forgetting")
        for order in ("easy", "hard")
    ]
    return [Arm("random"), *ends, Arm("ccs")]


def crop_arms(
    views: Sequence[str] = ("whole", "shuffle", "cell"),
    grid: int = 2,
    crops: Sequence[float] = CROPS,
) -> list[Arm]:
    """PCA's composites under views and crops: the smallest area of the random crop, 0..1.

    The area is a fraction of the cell for extracted views, else of the composite; the largest is 1.
    """
    return [
        Arm("pca", {"grid": grid}, {"view": view, "crop": (low, 1.0)})
        for view in views
        for low in crops
    ]


def crossing_arms(ipc: int = 1, pool: ImageSet | None = None) -> list[Arm]:
    """Every pruning metric with every combining rule, at equal storage, seen by extraction.

    Args:
        ipc: stored images per class.
        pool: grids for which its smallest class has too few images are left out.
    """
    metrics: tuple[dict[str, Any], ...] = (
        {},
        {"metric": "aum"},
        {"metric": "forgetting"},
        {"order": "random"},
    )
    crossed = [Arm("pca", {**metric, **rule}) for metric in metrics for rule in RULES]
    return [arm for arm in crossed if _has_room(arm, ipc, pool)]


def _has_room(arm: Arm, ipc: int, pool: ImageSet | None) -> bool:
    try:
        if pool is not None:
            check_room(arm.method, pool, ipc, arm.options)
    except DataError:
        return False
    return True


def ablation_parts(ipc: int, grid: int = 2, pool: ImageSet | None = None) -> Parts:
    """Question -> arms, the full PCA among them wherever it answers: Tables 7, 11, 12 and 24.

    All at equal storage, ipc stored images per class, but for the "k = ipc" arm: the literal
    reading of the text, ipc originals in ipc / grid^2 composites.

    Args:
        ipc: stored images per class. With one, grouping says nothing and is left out; "k = ipc"
            is left out where grid^2 does not divide ipc.
        grid: cells per side of the composites.
        pool: grids for which its smallest class has too few images are left out.
    """
    options: dict[str, Any] = {"grid": grid}
    shapes = [Arm("pca", {"grid": shape}) for shape in (1, (1, 2), 2, 3)]
    full = Arm("pca", options)

    def pca(**changes: Any) -> Arm:
        return Arm("pca", options | changes)

    def seen(**changes: Any) -> Arm:
        return Arm("pca", options, changes)

    parts: Parts = {
        "step by step": [
            Arm("random"),
            Arm("el2n"),
            seen(view="whole"),
            seen(view="shuffle"),
            full,
        ],
        "which originals": [full, pca(order="hard"), pca(order="random")],
        "pruning metric": [full, pca(metric="aum"), pca(metric="forgetting")],
        "grid": [arm for arm in shapes if _has_room(arm, ipc, pool)],
        "crop": crop_arms(("cell",), grid),
        "mixing and blanking": [
            full,
            seen(cutout=0.25),
            seen(cutout=0.5),
            seen(mix="mixup"),
            seen(mix="mixup", loss="ce_unmixed"),
            seen(mix="cutmix"),
            seen(mix="cutmix", loss="ce_unmixed"),
        ],
    }
    if ipc > 1:
        parts["grouping"] = [full, pca(grouping="sequential"), pca(grouping="random")]
    if grid > 1 and ipc % grid**2 == 0:
        parts["step by step"].append(pca(originals_per_class=ipc))
    return parts


def unique(parts: Parts) -> list[Arm]:
    """Every arm once, in order."""
    return list({arm.key: arm for arms in parts.values() for arm in arms}.values())
