"""Questions that nobody planned, of rows that are there: exploratory, whatever comes out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import combinations

import pandas as pd
from scipy import stats as distributions

from ..grid.campaign import Line
from ..grid.planfile import check_line
from ..grid.rowfiles import read_rows
from ..grid.setups import LAYERS
from ..grid.terms import CHANCE, Term, effect_of, terms_of
from .effects import Absent, rows_of_term
from .planned import replicates, shared_layers, unit_of
from .stats import mean_interval


def ask_rows(line: Line, effects: Iterable[str]) -> pd.DataFrame:
    """A row per effect, over all replicates that have its rows.

    Args:
        line: gives the setting, the network, the length and the frozen layers, and what a term
            leaves out: images per class and protocol, where the line has one. The arms may be those
            of other lines of its setting.
        effects: see `terms`; "pca#50 - el2n skip=0.25#50".

    Returns:
        Columns effect, unit, mean, low, high (95 % t-interval), n, p (t-test against 0, corrected
        for nothing; of differences) and frozen (what all replicates share).

    Raises:
        ValueError: an effect is wrong, or fewer than two replicates have its rows.
    """
    return pd.DataFrame([_answer(line, effect) for effect in effects])


def _answer(line: Line, effect: str) -> dict[str, object]:
    full = _completed(line, effect)
    asked = _asked(line, full)
    rows = asked.rows()
    values = replicates(asked, rows, full)
    if len(values) < 2:
        raise ValueError(_too_few(asked, full, len(values)))
    told = dict(zip(("mean", "low", "high"), mean_interval(values.to_numpy()), strict=True))
    unit = unit_of(full, line.value)
    p = float(distributions.ttest_1samp(values, 0.0).pvalue) if len(terms_of(full)) > 1 else None
    frozen = ", ".join(shared_layers(asked, rows, full))
    return {"effect": effect, "unit": unit, **told, "n": len(values), "p": p, "frozen": frozen}


def _completed(line: Line, effect: str) -> str:
    """An effect with what its terms leave out, where the line has one number or protocol only."""
    ipcs, protocols = line.ipcs, line.protocols
    ipc, protocol = ipcs[0] * (len(ipcs) == 1), protocols[0] * (len(protocols) == 1)
    return effect_of(
        [
            term
            if term.arm == CHANCE
            else term._replace(ipc=term.ipc or ipc, protocol=term.protocol or protocol)
            for term in terms_of(effect)
        ]
    )


def _asked(line: Line, effect: str) -> Line:
    """A line that takes in all rows that an effect may need.

    Raises:
        ValueError: see `planfile.check_line`.
    """
    terms = [term for term in terms_of(effect) if term.arm != CHANCE]
    known = read_rows(line.path)
    n = max(int(known["seed"].max()) + 1, line.n) if len(known) else line.n
    same = known[known["crops"] == line.crops_told]
    arms = [arm for term in terms for arm in _arms_of(term, same)]
    # What a term has not said by now could be any of the line's, and it is told to say which.
    ipcs = [ipc for term in terms for ipc in ([term.ipc] if term.ipc else line.ipcs)]
    hows = [how for term in terms for how in ([term.protocol] if term.protocol else line.protocols)]
    asked = replace(
        line,
        arms=tuple(dict.fromkeys(arms)) or line.arms,
        ipc=tuple(dict.fromkeys(ipcs)) or line.ipc,
        protocols=tuple(dict.fromkeys(hows)) or line.protocols,
        n=-(-n // line.trainings) * line.trainings,  # a replicate is all trainings on a set
        effects=(effect,),
        anchor=0.0,
    )
    check_line(asked, f"what is asked of {line.key}")
    return asked


def _arms_of(term: Term, known: pd.DataFrame) -> list[str]:
    """The arm of a term, and where a best value is meant those that the rows have like it."""
    if not term.best:
        return [term.arm]
    try:
        return [term.arm, *rows_of_term(known, term)["arm"].unique()]
    except Absent:
        return [term.arm]


def _too_few(asked: Line, effect: str, count: int) -> str:
    """Why there is no answer: rows are missing, or they were made with other layers frozen."""
    said = (
        f"{count} replicates of {asked.path.name} have all rows of {effect!r} with the network, "
        f"the length and the frozen layers of {asked.key}: two are the least, and"
    )
    for size in range(len(LAYERS) + 1):
        for frozen in combinations(LAYERS, size):
            other = replace(asked, frozen=frozen)
            if (others := len(replicates(other, other.rows(), effect))) > 1:
                return f"{said} {others} have them with frozen = {list(frozen)}: ask such a line"
    return f"{said} the file tells which arms, images per class and protocols there are"
