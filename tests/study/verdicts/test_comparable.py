"""Rows of a plan that may stand side by side: of complete lines, made alike, of the same seeds."""

from dataclasses import replace

import pandas as pd
import pytest

from rdc_kit.study.grid.arms import pca_arms
from rdc_kit.study.grid.planfile import read_plan
from rdc_kit.study.verdicts import comparable

from ..grid.plans import plan_in
from .conftest import rows_of


@pytest.fixture
def lines(tmp_path, monkeypatch):
    found = read_plan(plan_in(tmp_path, monkeypatch))
    return {line.key: line for line in found}


def trials(arms, seeds=(0, 1, 2), ipc=10, protocol="hard", **facts):
    """Tidy rows, one per arm and seed; facts are columns."""
    return pd.DataFrame(
        [
            {"arm": arm, "method": arm.split()[0], "ipc": ipc, "protocol": protocol}
            | {"seed": seed, "order": "easy", "skip": 0.0}
            | facts
            for arm in arms
            for seed in seeds
        ]
    )


def test_rows_are_of_complete_lines_and_each_trial_is_there_once(lines):
    easy, random = lines["easy"], lines["random"]
    top1 = {"random": [30, 31, 32, 33], "el2n": [40, 41, 42, 43]}
    table = rows_of(easy, top1)
    easy.add(table[table["seed"] < 3])  # three of four replicates, all that the other line needs
    (rows,) = comparable.comparable_rows(lines.values()).values()
    assert sorted(rows["arm"] + rows["seed"].astype(str)) == ["random0", "random1", "random2"]
    easy.add(table)
    found = comparable.comparable_rows(lines.values())
    assert list(found) == [random.path]
    rows = found[random.path]
    assert len(rows) == 8
    assert "hits" not in rows
    assert set(rows["top1"]) == {*top1["random"], *top1["el2n"]}


@pytest.mark.parametrize(
    "changes",
    [{"crops": (0.5, 1.0)}, {"trainings": 2}, {"frozen": ("scoring",)}, {"measure": "entropy"}],
    ids=str,
)
def test_lines_that_were_made_otherwise_are_left_out(lines, changes):
    easy = lines["easy"]
    easy.add(rows_of(easy, {"random": [30] * 4, "el2n": [40] * 4}))
    other = replace(easy, **changes)
    other.add(rows_of(other, {"random": [50] * 4, "el2n": [60] * 4}))
    assert not other.missing()
    tops = [set(rows["top1"]) for rows in comparable.comparable_rows([easy, other]).values()]
    assert tops == [{30, 40}]
    assert comparable.comparable_rows([other]) == {}


def test_a_first_look_needs_all_of_its_arms_and_has_them_in_order():
    keys = [arm.key for arm in pca_arms()]
    table = trials([*reversed(keys), "rded"], range(5))
    table = pd.concat([table, trials(keys, range(5), protocol="soft")])
    assert list(comparable.first_look_rows(table)["arm"].unique()) == keys
    assert set(comparable.first_look_rows(table)["protocol"]) == {"hard"}
    assert comparable.first_look_rows(table[table["arm"] != keys[3]]).empty
    fewer = table[(table["arm"] != "el2n") | (table["seed"] < 3)]
    assert set(comparable.first_look_rows(fewer)["seed"]) == {0, 1, 2}


def test_both_labels_are_of_the_same_arms_ipcs_and_seeds():
    both = ["random", "sre2l"]
    table = pd.concat(
        [
            trials([*both, "pca"], range(10), ipc=1),
            trials(both, range(3), ipc=1, protocol="soft"),
            *(trials(["pca view=whole"], ipc=1, protocol=how) for how in ("hard", "soft")),
            trials(["random"], ipc=50),
        ]
    )
    rows = comparable.both_labels_rows(table)
    assert set(rows["arm"]) == set(both)
    assert set(rows["ipc"]) == {1}
    assert len(rows) == 2 * 2 * 3
    assert comparable.both_labels_rows(table[table["arm"] != "sre2l"]).empty
    assert comparable.both_labels_rows(table[table["arm"] != "random"]).empty


def test_windows_are_three_at_least_with_random_of_the_same_ipcs():
    skips = {"el2n": 0.0, "el2n skip=0.25": 0.25, "el2n skip=0.5": 0.5}
    table = pd.concat([trials([arm], ipc=1, skip=skip) for arm, skip in skips.items()])
    hardest = trials(["el2n order=hard"], ipc=1, order="hard")
    others = [trials(["random"], ipc=1), trials(["random", "el2n"], ipc=10), hardest]
    rows = comparable.window_rows(pd.concat([table, *others]))
    assert set(rows["arm"]) == {*skips, "random"}
    assert set(rows["ipc"]) == {1}
    assert comparable.window_rows(table[table["skip"] < 0.5]).empty
