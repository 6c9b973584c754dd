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
        ask_rows(lines[0], ["el2n#2 - random#1 + el2n"])
    with pytest.raises(ValueError, match="unknown method 'el3n'"):
        ask_rows(lines[0], ["el3n - random"])
