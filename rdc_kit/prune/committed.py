"""Finished scoring runs that came with the kit: the score files in data/evidence/scores."""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..ground import store
from ..ground.device import DEVICES
from ..ground.folders import evidence_dir
from ..ground.progress import say_once
from .scorefiles import FACTS, Run, run_from


def is_committed(config: dict[str, Any], wanted: Collection[str]) -> bool:
    """Whether a scoring run came with the kit; its scores are not read."""
    return next(_listed(config, wanted), None) is not None


def committed(config: dict[str, Any], wanted: Collection[str]) -> Run | None:
    """A finished scoring run that came with the kit, if it is this very one.

    Args:
        config: of the run; the hash of the pool's pixels and labels is in it.
        wanted: the scores that are needed.
    """
    for path, listed in _listed(config, wanted):
        with contextlib.suppress(OSError, pa.ArrowException):
            names = [*listed["columns"].values()]
            read = pq.read_table(path, columns=names, page_checksum_verification=True)
            where = f"data/evidence/scores/{path.name}, not trained again"
            say_once(f"{', '.join(wanted)} of seed {config['seed']}: from {where}")
            return run_from(read.to_pandas(), listed)
    return None


def _listed(
    config: dict[str, Any], wanted: Collection[str]
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Committed files, and what they say of this run, on whatever device it was made."""
    same = {store.config_hash(config | other) for other in ({}, *({"device": d} for d in DEVICES))}
    folder = evidence_dir() / "scores"
    for path in sorted(folder.glob("*.parquet")) if folder.is_dir() else []:
        for listed in _runs_in(path, path.stat().st_mtime_ns):
            if listed["config_hash"] in same and set(wanted) <= set(listed["columns"]):
                yield path, listed


@functools.cache
def _runs_in(path: Path, changed: int) -> list[dict[str, Any]]:
    """What a file says of its runs; nothing if it is no whole score file."""
    with contextlib.suppress(OSError, ValueError, pa.ArrowException):
        return json.loads((pq.read_schema(path).metadata or {}).get(FACTS, b"{}")).get("runs", [])
    return []
