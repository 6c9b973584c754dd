"""Choosing without the test set: a part of the pool stands for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...data.holdout import SHARE, hold_out
from ...train.protocol import Protocol
from .arms import Arm
from .experiments import Experiment, trials_of
from .setups import Setup


def holdout_setup(setup: Setup, seed: int = 0, share: float = SHARE) -> Setup:
    """The same setup with a part of the pool in place of the test set, and the rest as the pool.

    Args:
        setup: its test set is not looked at.
        seed, share: see `hold_out`.

    Raises:
        DataError: see `hold_out`.
    """
    rest, test = hold_out(setup.pool, share, seed)
    return replace(setup, pool=rest, test=test)


def choose_on_holdout(
    setup: Setup,
    arms: Sequence[Arm],
    ipc: int,
    protocol: Protocol,
    seed: int = 0,
    student: str = "",
) -> Arm:
    """The arm with the highest accuracy on a part of the pool, for one replicate.

    Args:
        setup: its test set is not looked at.
        arms: to choose from; the first of equal ones is taken.
        ipc, protocol, student: how each is tried; the pool's student when left out.
        seed: of the replicate: of the part that is held out, and of everything else.

    Raises:
        ValueError: no arms. DataError: see `hold_out`.
    """
    if not arms:
        raise ValueError("there are no arms to choose from")
    apart = holdout_setup(setup, seed)
    trials = trials_of(arms, ipc, [protocol], [seed], [student or setup.pool.student])
    table = Experiment(apart, trials, "choosing").measure()
    return arms[int(table["top1"].to_numpy().argmax())]
