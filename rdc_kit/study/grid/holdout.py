"""Choosing without the test set: a part of the pool stands for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from ...data.imagesets import derived
from ...ground.seeds import generator
from ...train.protocols import Protocol
from .arms import Arm
from .experiments import Experiment, trials_of
from .setups import Setup


def holdout_setup(setup: Setup, seed: int = 0, share: float = 0.2) -> Setup:
    """The same setup with a part of the pool in place of the test set, and the rest as the pool.

    Args:
        setup: its test set is not looked at.
        seed: draws the part, the same share of every class.
        share: of the pool that is held out, between 0 and 1.

    Raises:
        ValueError: a share of nothing or of everything.
    """
    pool = setup.pool
    held, kept = [], []
    for label in range(pool.num_classes):
        rows = pool.rows_of(label)
        rows = rows[torch.randperm(len(rows), generator=generator(seed, "holdout", label))]
        count = round(share * len(rows))
        if not 0 < count < len(rows):
            raise ValueError(f"a share of {share:g} leaves no image of class {label} on one side")
        held.append(rows[:count])
        kept.append(rows[count:])
    facts = derived(pool, holdout_seed=seed, holdout_share=share)
    parts = [pool[torch.cat(rows).sort().values] for rows in (kept, held)]
    rest, test = (replace(part, provenance=facts) for part in parts)
    return replace(setup, pool=rest, test=test)


def choose_on_holdout(
    setup: Setup,
    arms: Sequence[Arm],
    ipc: int,
    protocol: Protocol,
    seed: int = 0,
    student: str = "",
    share: float = 0.2,
) -> Arm:
    """The arm with the highest accuracy on a part of the pool, for one replicate.

    Args:
        setup: its test set is not looked at.
        arms: to choose from; the first of equal ones is taken.
        ipc, protocol, student: how each is tried; the pool's student when left out.
        seed: of the replicate: of the part that is held out, and of everything else.
        share: see `holdout_setup`.

    Raises:
        ValueError: no arms, or see `holdout_setup`.
    """
    if not arms:
        raise ValueError("there are no arms to choose from")
    apart = holdout_setup(setup, seed, share)
    trials = trials_of(arms, ipc, [protocol], [seed], [student or setup.pool.student])
    table = Experiment(apart, trials, "choosing").measure()
    return arms[int(table["top1"].to_numpy().argmax())]
