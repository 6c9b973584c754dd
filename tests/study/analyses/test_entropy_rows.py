"""Rows of entropy: what the analyses measure of the very sets, kept where a line finds them."""

from dataclasses import replace

import pytest

from rdc_kit.study.analyses import entropy, entropy_rows
from rdc_kit.study.analyses.observers import Observer
from rdc_kit.study.grid.planfile import read_plan
from rdc_kit.study.verdicts.planned import judge_lines
from rdc_kit.train.models import build

from ..grid.plans import plan_in


def test_rows_of_entropy_are_of_the_lines_sets_and_are_judged(
    tmp_path, monkeypatch, fresh_home, exact
):
    observer = Observer((build("convnet2-w8", 10, 16).eval(),), "untrained", exact)
    monkeypatch.setattr(entropy_rows, "observer_for", lambda setup: observer)
    line = read_plan(plan_in(tmp_path, monkeypatch))[0]
    effects = ("noise - random",)
    arms = ("random", "noise", "pca order=random", "pca order=random view=shuffle")
    line = replace(line, arms=arms, measure="entropy", value="stored", anchor=0.0)
    line = replace(line, effects=effects, ipc=3)
    table = entropy_rows.make_entropy_rows(line, line.trials)
    setup = line.setting.setup
    for trial, row in zip(line.trials, table.to_dict("records"), strict=True):
        images = setup.set_of(trial)
        expected = entropy.entropy_of_set(images, observer, trial.protocol.view, trial.seeds.set)
        assert {key: row[key] for key in expected} == pytest.approx(expected)
        assert row["set_hash"] == images.fingerprint()
        assert 0 <= row["share"] <= 100
    means = table.groupby("arm")[["stored", "seen"]].mean()
    composites, shuffled = means.loc[["pca order=random", "pca order=random view=shuffle"]].values
    assert composites[0] == shuffled[0]  # the same sets, shown in another way
    assert abs(composites[1] - shuffled[1]) > 1e-5
    assert line.missing() == []
    assert line.path.name == "campaign-tiny-entropy.csv"
    (judged,) = judge_lines([line]).to_dict("records")
    difference = means["stored"]["noise"] - means["stored"]["random"]
    assert judged["mean"] == pytest.approx(difference, abs=1e-6)
    assert judged["n"] == judged["planned"] == 3
    assert judged["verdict"].endswith(", for one observer")
