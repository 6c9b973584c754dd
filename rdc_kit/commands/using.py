"""Files of one's own on the command line: what they add is checked, what they replace is told."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

from ..data.sources import NAMED, Named
from ..ground.own import use, used
from ..methods import METHODS, Method
from ..prune.metrics import METRICS, Metric
from ..train import protocols
from ..train.models import NETWORKS

# What a file may add to: the registry's name and what it is of, the registry, its entries' kind.
_REGISTRIES: list[tuple[str, str, dict[str, Any], Any]] = [
    ("METHODS", "method", METHODS, Method),
    ("METRICS", "score", METRICS, Metric),
    ("protocols.NAMED", "protocol", protocols.NAMED, Callable),
    ("NETWORKS", "network", NETWORKS, Callable),
    ("sources.NAMED", "dataset", NAMED, Named),
]


def use_files(paths: Iterable[str]) -> None:
    """`use` each file; say on stderr what it replaces, or that it adds nothing.

    A file that was run before, and has not changed since, is passed over.

    Raises:
        ValueError: see `use`, or an entry of another kind than its registry holds.
    """
    for path in paths:
        run, before = used(), [dict(registry) for _, _, registry, _ in _REGISTRIES]
        use(path)
        if used() == run:
            continue
        changed, replaced = False, []
        for (where, what, registry, kind), old in zip(_REGISTRIES, before, strict=True):
            for name in [n for n in registry if registry[n] is not old.get(n)]:
                changed = True
                replaced += [f"{what} {name}"] * (name in old)
                if not isinstance(registry[name], kind):
                    said = "a function" if kind is Callable else f"a {kind.__name__}"
                    got = type(registry[name]).__name__
                    raise ValueError(f"{path}: {where}[{name!r}] must be {said}, not a {got}")
        if replaced:
            print(f"{path} replaces {', '.join(replaced)}", file=sys.stderr)
        if not changed:
            told = ", ".join(what for _, what, _, _ in _REGISTRIES)
            print(f"{path} adds nothing to what the kit knows ({told})", file=sys.stderr)
