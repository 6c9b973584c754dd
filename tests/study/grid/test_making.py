"""Rows are made of the images and the code that their line has rows of already."""

from dataclasses import replace

import pandas as pd
import pytest

from rdc_kit.commands.evidence_again import _again
from rdc_kit.data.imagesets import DataError
from rdc_kit.methods import METHODS, Method
from rdc_kit.study.analyses.entropy_rows import make_entropy_rows
from rdc_kit.study.grid import making
from rdc_kit.study.grid.making import make_rows
from rdc_kit.study.grid.planfile import read_plan

from .plans import plan_in


def test_rows_of_other_images_are_not_joined(tmp_path, monkeypatch, fresh_home):
    """A folder may change between two replicates."""
    line = read_plan(plan_in(tmp_path, monkeypatch))[0]
    make_rows(line, line.trials[:1])
    setup = line.setting.setup
    other = replace(line.setting)
    other.__dict__["setup"] = replace(setup, test=setup.test[list(range(100))])
    changed = replace(line, setting=other)
    with pytest.raises(DataError, match=r"campaign-tiny.csv has rows of other images of digits"):
        make_rows(changed, line.trials[1:2])
    rows = pd.read_csv(line.path)
    rows.drop(columns="data_hash").to_csv(line.path, index=False)  # of an earlier version
    assert len(make_rows(changed, line.trials[1:2])) == 1


def test_a_crop_is_chosen_for_each_arm_and_kept_apart_from_the_crop_itself(
    tmp_path, monkeypatch, fresh_home
):
    """The chosen crop is one of the candidates, and its rows are no other line's."""
    plain = read_plan(plan_in(tmp_path, monkeypatch))[0]
    line = replace(plain, arms=("random", "random crop=0.1"), crops=(0.3, 0.6), n=1)
    line = replace(line, epochs=2)
    asked = []

    def chosen(setup, arms, *how):
        asked.append([arm.protocol["crop"] for arm in arms])
        return arms[1]

    monkeypatch.setattr(making, "choose_on_holdout", chosen)
    table = make_rows(line, line.trials)
    assert asked == [[(0.3, 1.0), (0.6, 1.0)]]  # once: the other arm names its crop
    assert table["crop_low"].tolist() == [0.6, 0.1]
    assert table["arm"].tolist() == ["random", "random crop=0.1"]
    assert len(line.rows()) == 2
    assert line.missing() == []
    assert len(replace(line, crops=()).missing()) == 2


def test_one_training_may_be_the_row_of_two_arms(tmp_path, monkeypatch, fresh_home):
    """A chosen crop that is also asked for by name is trained once and listed twice."""
    plain = read_plan(plan_in(tmp_path, monkeypatch))[0]
    line = replace(plain, arms=("random", "random crop=0.6"), crops=(0.6,), n=1, epochs=2)
    make_rows(line, line.trials)
    rows = line.rows()
    assert len(rows) == 2
    assert rows["run_hash"].nunique() == 1


def _first(pool, ipc, seed, runtime):
    return pool[[int(row) for k in range(pool.num_classes) for row in pool.rows_of(k)[:ipc]]]


def _last(pool, ipc, seed, runtime):
    return pool[[int(row) for k in range(pool.num_classes) for row in pool.rows_of(k)[-ipc:]]]


def test_rows_of_changed_code_are_not_joined(tmp_path, monkeypatch, fresh_home):
    """They would be counted as done, or averaged with those of the new code."""
    plain = read_plan(plan_in(tmp_path, monkeypatch))[0]
    make_rows(replace(plain, n=1, epochs=1), plain.trials[:1])
    assert "code" not in pd.read_csv(plain.path)  # the kit's has a version of its own

    def mine(make):
        return Method("Mine", make, "baseline", "nothing", "none", "-")

    monkeypatch.setitem(METHODS, "mine", mine(_first))
    line = replace(plain, arms=("random", "mine"), epochs=1, folder=tmp_path)
    make_rows(line, line.trials[:2])
    rows = pd.read_csv(line.path, dtype={"code": str}, keep_default_na=False)
    assert rows.groupby("arm")["code"].agg(set).to_dict()["random"] == {""}
    assert (rows[rows["arm"] == "mine"]["code"] != "").all()
    monkeypatch.setitem(METHODS, "mine", mine(_last))
    changed = replace(line)
    with pytest.raises(DataError, match=r"has rows of 'mine' by another version of your code"):
        make_rows(changed, changed.trials[2:])
    monkeypatch.setitem(METHODS, "mine", mine(_first))
    assert len(make_rows(replace(line), line.trials[2:])) == 4


def test_entropy_rows_and_rows_made_again_are_of_the_same_code_too(
    tmp_path, monkeypatch, fresh_home
):
    plain = read_plan(plan_in(tmp_path, monkeypatch))[0]
    line = replace(plain, arms=("mine",), epochs=1, folder=tmp_path, n=2)
    for make in (_first, _last):
        method = Method("Mine", make, "baseline", "nothing", "none", "-")
        monkeypatch.setitem(METHODS, "mine", method)
        if make is _first:
            make_rows(replace(line), line.trials[:1])
    with pytest.raises(DataError, match="by another version of your code"):
        make_entropy_rows(replace(line), line.trials[1:])
    with pytest.raises(DataError, match="by another version of your code"):
        monkeypatch.setattr("rdc_kit.commands.evidence_again._is_ours", lambda *_: False)
        _again(replace(line), 0, 1)
