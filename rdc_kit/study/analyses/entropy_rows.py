"""Rows of the campaign's lines that are about the entropy of sets."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from ...ground import store
from ...ground.device import device_name
from ..grid.campaign import Line
from ..grid.making import check_same, with_code
from ..grid.rows import run_hash, tried
from ..grid.setups import Trial
from .cropping import likelier_and_less_sure, selective_crops
from .entropy import entropy_of_set
from .observers import observer_for


def make_entropy_rows(line: Line, trials: Iterable[Trial]) -> pd.DataFrame:
    """Measure the sets of some trials of a line, and keep their rows.

    Returns:
        A row per trial: what was tried, the observer, what `entropy_of_set` gives, and share (see
        `likelier_and_less_sure`, of the set's images).

    Raises:
        DataError: see `check_same`.
    """
    check_same(line)
    setup = line.setting.setup
    observer = observer_for(setup)
    rows = []
    for trial in trials:
        images = setup.set_of(trial)
        found = entropy_of_set(images, observer, trial.protocol.view, trial.seeds.set)
        crops = likelier_and_less_sure(selective_crops(images, observer, seed=trial.seed))
        rows.append(
            tried(trial, setup)
            | {"observer": observer.name, "share": crops["share"][0], **found}
            | {"device": device_name(setup.runtime.device), "git": store.git_state()}
            | {"set_hash": images.fingerprint(), "run_hash": run_hash(trial, setup)}
        )
    table = with_code(line, pd.DataFrame(rows))
    line.add(table)
    return table
