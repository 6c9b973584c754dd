"""Choosing without the test set: a part of the pool stands for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...data.holdout import hold_out
from ...train.protocol import Protocol
from .arms import Arm
from .experiments import Experiment, trials_of
from .setups import Setup


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
    rest, test = hold_out(setup.pool, seed=seed)
    apart = replace(setup, pool=rest, test=test)
    trials = trials_of(arms, ipc, [protocol], [seed], [student or setup.pool.student])
    table = Experiment(apart, trials, "choosing").measure()
    return arms[int(table["top1"].to_numpy().argmax())]
