"""One tree of seeds: every purpose has a branch, and nothing draws from global random state."""

from __future__ import annotations

import contextlib
import hashlib
import operator
from collections.abc import Iterator, Sequence
from numbers import Integral

import numpy as np
import torch


def as_seed(seed: int) -> int:
    """A seed as Python's int: numpy's 1 draws what 1 draws, and is kept under the same name.

    Raises:
        ValueError: it is no whole number.
    """
    if isinstance(seed, bool) or not isinstance(seed, Integral):
        raise ValueError(f"a seed must be a whole number, got {seed!r}")
    return int(seed)


def as_seeds(seeds: int | Sequence[int]) -> list[int]:
    """The seeds that are meant: a number n means 0 to n - 1.

    Raises:
        ValueError: none, one of them twice, or no whole numbers.
    """
    try:
        counted = range(int(seeds)) if isinstance(seeds, int | np.integer) else seeds
        asked = [int(operator.index(seed)) for seed in counted]
    except TypeError:  # a text, or numbers that are not whole: cut short, they would be others
        asked = []
    if not asked or len(set(asked)) < len(asked):
        raise ValueError(
            "seeds must be a number of at least 1, or different seeds, in whole numbers such as 3 "
            f"or [0, 1, 2]: got {seeds!r}"
        )
    return asked


def derive_seed(seed: int, *path: str | int) -> int:
    """One branch of the seed tree: (0, "views", 3) and (0, "init") share nothing.

    Args:
        seed: the one integer that the user chose.
        path: the purpose of the randomness, such as "order" and an epoch.
    """
    text = "/".join(str(part) for part in (seed, *path))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *path: str | int, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator for one purpose; nothing in the kit draws from global random state."""
    return torch.Generator(device=device).manual_seed(derive_seed(seed, *path))


@contextlib.contextmanager
def seeded_globals(seed: int, *path: str | int) -> Iterator[None]:
    """Seed torch's CPU generator for a block and restore it, for code that takes no generator.

    Only networks need it: nn.Module initialisers draw from global state, and so may what a user's
    own network does in training.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive_seed(seed, *path))
        yield
