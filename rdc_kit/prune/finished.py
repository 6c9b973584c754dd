"""Finished scoring runs of this home: read from their folders, and gathered for a pool."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from ..data.imagesets import ImageSet
from ..ground import store
from ..ground.arrays import load_arrays
from ..ground.files import read_json
from ..ground.folders import runs_dir
from .metrics import METRICS, score_code
from .scorefiles import Run

SCORES = "scores.npz"  # in the folder of a run


def run_in(home: Path, config: dict[str, Any]) -> Run:
    """The run of a folder that `store.cached` filled."""
    return Run(config, load_arrays(home / SCORES), store.result_of(home))


def finished_runs(pool: ImageSet) -> list[Run]:
    """The scoring runs of these images that are in the cache, by network, length and seed.

    Of a run that is as long as its EL2N only EL2N is kept: the other scores want longer ones.
    """
    runs: list[Run] = []
    keys: dict[str, str] = {}  # network -> fingerprint of the pool with it
    for path in sorted(runs_dir("scores").glob("*/config.json")):
        config = read_json(path) or {}
        student = str(config.get("student"))
        if student not in keys:
            keys[student] = pool.with_student(student).fingerprint()
        mine = config.get("pool") == keys[student]
        if mine and path.parent.name == store.config_hash(config) and store.is_done(path.parent):
            runs.append(_worth_keeping(run_in(path.parent, config)))
    return sorted(
        runs, key=lambda r: (r.config["student"], r.config["protocol"]["epochs"], r.config["seed"])
    )


def _worth_keeping(run: Run) -> Run:
    epochs, own = run.config["protocol"]["epochs"], run.config.get("own_metrics", {})
    short = run.config.get("el2n_epochs", 0) >= epochs

    def keeps(name: str) -> bool:
        if name in own:  # by the formula of today, and long enough
            return score_code(name) == [own[name]] and METRICS[name].epochs <= epochs
        return name == "el2n" or not short

    return replace(run, values={k: v for k, v in run.values.items() if keeps(k)})
