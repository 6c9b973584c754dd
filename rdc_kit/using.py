"""A file of one's own: what it adds is checked, and what it replaces is told."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .data.sources import NAMED, Named
from .ground.own import run_file, used
from .methods import METHODS, Method
from .prune.metrics import METRICS, Metric
from .train import protocols
from .train.models import NETWORKS

# What a file may add to: the registry's name and what it is of, the registry, its entries' kind.
_REGISTRIES: list[tuple[str, str, dict[str, Any], Any]] = [
    ("METHODS", "method", METHODS, Method),
    ("METRICS", "score", METRICS, Metric),
    ("protocols.NAMED", "protocol", protocols.NAMED, Callable),
    ("NETWORKS", "network", NETWORKS, Callable),
    ("sources.NAMED", "dataset", NAMED, Named),
]
_put: dict[str, set[str]] = {}  # file -> the entries that it put into registries


def use(path: str | Path) -> None:
    """Run a file that adds methods, scores, protocols, networks or datasets to the kit's.

    Notebooks and workers that this process starts run it too, and runs are kept by what the whole
    file says, see `run_file`. What it replaces of another's, or that it adds nothing, is said on
    stderr. A file that was run before, and has not changed since, is passed over.

    Args:
        path: of the file, `my_method.py`.

    Raises:
        ValueError: there is no such file, or it fails; or an entry is of another kind than its
            registry holds.
    """
    run, before = used(), [dict(registry) for _, _, registry, _ in _REGISTRIES]
    run_file(path)
    if used() == run:
        return
    mine = _put.setdefault(str(path), set())
    new, replaced = set[str](), []
    for (where, what, registry, kind), old in zip(_REGISTRIES, before, strict=True):
        for name in [n for n in registry if registry[n] is not old.get(n)]:
            new.add(f"{what} {name}")
            replaced += [f"{what} {name}"] * (name in old and f"{what} {name}" not in mine)
            if not isinstance(registry[name], kind):
                said = "a function" if kind is Callable else f"a {kind.__name__}"
                got = type(registry[name]).__name__
                raise ValueError(f"{path}: {where}[{name!r}] must be {said}, not a {got}")
    mine |= new
    if replaced:
        print(f"{path} replaces {', '.join(replaced)}", file=sys.stderr)
    if not new:
        told = ", ".join(what for _, what, _, _ in _REGISTRIES)
        print(f"{path} adds nothing to what the kit knows ({told})", file=sys.stderr)
