"""Effects that no line has, of rows that are there."""

from dataclasses import replace

import pandas as pd
import pytest
from scipy import stats

from rdc_kit.study.grid.planfile import read_plan
from rdc_kit.study.verdicts.asked import ask_rows

from ..grid.plans import plan_in
from .conftest import rows_of

TOP1 = {"random": [50.0, 51, 50, 52], "el2n": [60.0, 62, 61, 62]}


@pytest.fixture
def lines(tmp_path, monkeypatch):
    """A line that asks of random images only, and one with whose rows more can be asked."""
    lines = read_plan(plan_in(tmp_path, monkeypatch))
    lines[1].add(rows_of(lines[1], TOP1))
    return lines


def test_an_effect_of_arms_and_replicates_beyond_the_line(lines):
    table = ask_rows(lines[0], ["random - el2n", "random"])
    gains = pd.Series(TOP1["random"]) - pd.Series(TOP1["el2n"])
    test = stats.ttest_1samp(gains, 0)
    low, high = test.confidence_interval()
    first = table.iloc[0]
    assert (first["mean"], first["low"], first["high"]) == pytest.approx((-10.5, low, high))
    assert first["p"] == pytest.approx(test.pvalue)
    assert table["n"].tolist() == [4, 4]  # the line has three
    assert table["unit"].tolist() == ["points", "% right"]
    assert pd.isna(table["p"][1])  # an accuracy is compared with nothing


def test_trainings_on_one_set_are_a_replicate_even_where_the_last_is_missing(lines):
    nested = replace(lines[1], trainings=3, n=6)
    path = nested.path
    path.unlink()
    nested.add(rows_of(nested, {"random": [50.0, 51, 52, 60, 61, 62], "el2n": [70.0] * 6}))
    rows = pd.read_csv(path)
    seventh = rows[rows["seed"] == 5].assign(seed=6, set_seed=2, training_seed=6)
    pd.concat([rows, seventh]).to_csv(path, index=False)
    (answer,) = ask_rows(nested, ["el2n - random"]).to_dict("records")
    assert (answer["mean"], answer["n"]) == (14.0, 2)


def test_rows_that_are_not_there_are_told(lines):
    with pytest.raises(ValueError, match=r"0 replicates of campaign-tiny.csv have all rows of"):
        ask_rows(lines[0], ["el2n#2 - random#2"])
    with pytest.raises(ValueError, match="must say of which ipc"):
        ask_rows(replace(lines[0], ipc=(1, 2)), ["el2n#2 - random"])
    with pytest.raises(ValueError, match="unknown method 'el3n'"):
        ask_rows(lines[0], ["el3n - random"])


def test_what_a_term_leaves_out_is_the_lines(lines):
    """And not what the other term says."""
    more = replace(lines[1], ipc=2)
    more.add(rows_of(more, {"random": [70.0, 71, 71, 72], "el2n": [90.0, 92, 91, 92]}))
    answers = ask_rows(lines[0], ["random#2 - random", "random#2"])
    assert answers["mean"].tolist() == [20.25, 71.0]
    soft = replace(lines[1], protocols=("soft",))
    soft.add(
        rows_of(soft, {"random": [30.0, 31, 31, 32], "el2n": [1.0] * 4}).assign(protocol="soft")
    )
    answers = ask_rows(lines[0], ["random@soft - random", "random"])
    assert answers["mean"].tolist() == [-19.75, 50.75]


def test_a_best_value_is_found_among_the_arms_of_other_lines(lines):
    skips = (0.0, 0.25, 0.5, 0.75)
    arms = ["el2n", *(f"el2n skip={skip}" for skip in skips[1:])]
    windows = replace(lines[1], arms=tuple(arms), ipc=2)
    top1 = dict(zip(arms, ([50.0] * 3, [50.0] * 3, [60.0] * 3, [80.0] * 3), strict=True))
    rows = rows_of(windows, top1)
    found = rows.assign(skip=rows["arm"].map(dict(zip(arms, skips, strict=True))))
    windows.add(found.assign(method="el2n"))
    table = ask_rows(lines[0], ["best skip of el2n#2"])
    assert (table["mean"][0], table["n"][0]) == (0.75, 3)
    with pytest.raises(ValueError, match="of the arms 1 are made by aum"):
        ask_rows(lines[0], ["best skip of aum#2"])


def test_rows_with_another_layer_frozen_are_told(lines):
    frozen = replace(lines[1], frozen=("scoring",), ipc=2)
    rows = rows_of(frozen, {"random": [50.0, 51, 50], "el2n": [60.0, 61, 62]})
    assert set(rows["scoring_seed"].dropna()) == {0}
    frozen.add(rows)
    said = r"1 replicates of .* layers of easy: .* 3 have them with frozen = \['scoring'\]"
    with pytest.raises(ValueError, match=said):
        ask_rows(lines[1], ["el2n#2 - random#2"])
    assert ask_rows(replace(lines[1], frozen=("scoring",)), ["el2n#2 - random#2"])["n"][0] == 3
