"""Questions that nobody planned, of rows that are there: exploratory, whatever comes out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pandas as pd
from scipy import stats as distributions

from ..grid.campaign import Line, read_rows
from ..grid.planfile import check_line
from ..grid.terms import CHANCE, terms_of
from .planned import replicates, shared_layers, unit_of
from .stats import mean_interval


def ask_rows(line: Line, effects: Iterable[str]) -> pd.DataFrame:
    """A row per effect, over all replicates that have its rows.

    Args:
        line: gives the setting, the network and the length, and what a term leaves out: images per
            class and protocol. The arms may be those of other lines of its setting.
        effects: see `terms`; "pca#50 - el2n skip=0.25#50".

    Returns:
        Columns effect, unit, mean, low, high (95 % t-interval), n, p (t-test against 0, corrected
        for nothing; of differences) and frozen (what all replicates share).

    Raises:
        ValueError: an effect is wrong, or fewer than two replicates have its rows.
    """
    return pd.DataFrame([_answer(line, effect) for effect in effects])


def _answer(line: Line, effect: str) -> dict[str, object]:
    asked = _asked(line, effect)
    rows = asked.rows()
    values = replicates(asked, rows, effect)
    if len(values) < 2:
        raise ValueError(
            f"{len(values)} replicates of {line.path.name} have all rows of {effect!r}: two are "
            "the least, and the file tells which arms, images per class and protocols there are"
        )
    told = dict(zip(("mean", "low", "high"), mean_interval(values.to_numpy()), strict=True))
    unit = unit_of(effect, line.value)
    p = float(distributions.ttest_1samp(values, 0.0).pvalue) if len(terms_of(effect)) > 1 else None
    frozen = ", ".join(shared_layers(asked, rows, effect))
    return {"effect": effect, "unit": unit, **told, "n": len(values), "p": p, "frozen": frozen}


def _asked(line: Line, effect: str) -> Line:
    """A line that takes in all rows that an effect may need.

    Raises:
        ValueError: see `planfile.check_line`.
    """
    terms = [term for term in terms_of(effect) if term.arm != CHANCE]
    arms = [*line.arms, *(term.arm for term in terms if not term.best)]
    ipcs = [term.ipc for term in terms if term.ipc]
    protocols = [term.protocol for term in terms if term.protocol]
    known = read_rows(line.path)
    n = max(int(known["seed"].max()) + 1, line.n) if len(known) else line.n
    asked = replace(
        line,
        arms=tuple(dict.fromkeys(arms)),
        ipc=tuple(dict.fromkeys(ipcs)) or line.ipc,
        protocols=tuple(dict.fromkeys(protocols)) or line.protocols,
        n=-(-n // line.trainings) * line.trainings,  # a replicate is all trainings on a set
        effects=(effect,),
        anchor=0.0,
    )
    check_line(asked, f"what is asked of {line.key}")
    return asked
