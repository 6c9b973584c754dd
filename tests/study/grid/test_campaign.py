"""The plan: every word of it means something, and rows are found again by what was tried."""

import pandas as pd
import pytest

from rdc_kit.study.grid import campaign
from rdc_kit.study.grid.campaign import PlanError, make_rows, read_plan, run_hash_of

from .plans import PLAN, plan_in


def test_a_plan_is_read_in_order_and_its_grids_are_replicate_by_replicate(tmp_path, monkeypatch):
    random, easy = read_plan(plan_in(tmp_path, monkeypatch))
    assert (random.key, easy.key) == ("random", "easy")
    assert random.setting == easy.setting
    assert [(t.seed, t.arm.key) for t in easy.trials][:4] == [
        (0, "random"),
        (0, "el2n"),
        (1, "random"),
        (1, "el2n"),
    ]
    assert {t.protocol.epochs for t in easy.trials} == {300}  # full recipes only
    assert easy.trials[3].seeds == (1, 1, 1, 1)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[setting.tiny]", "[setting.other]", "unknown setting of line 'random' 'tiny'"),
        ('arms = ["random"]', 'arms = ["randon"]', "line 'random': unknown method 'randon'"),
        ("ipc = 1", "icp = 1", "line 'random': unknown field 'icp' - did you mean 'ipc'"),
        ("n = 3\n", "", "line 'random': .*missing 1 required .*'n'"),
        ('"el2n - random"', '"aum - random"', "effect 'aum - random' is not of its arms"),
        ('key = "easy"', 'key = "random"', "several lines are called random"),
        ("[[line]]", "[[line", "plan.toml: "),
    ],
)
def test_a_wrong_plan_is_refused_in_a_sentence(tmp_path, monkeypatch, old, new, message):
    path = plan_in(tmp_path, monkeypatch)
    path.write_text(PLAN.replace(old, new))
    with pytest.raises(PlanError, match=message):
        read_plan(path)


def test_an_effect_of_two_protocols_says_which(tmp_path, monkeypatch):
    path = plan_in(tmp_path, monkeypatch)
    two = PLAN.replace(
        'effects = ["el2n - random"]', 'protocols = ["hard", "soft"]\neffects = ["{}"]'
    )
    path.write_text(two.format("el2n@soft - random@hard"))
    assert len(read_plan(path)) == 2
    path.write_text(two.format("el2n - random"))
    with pytest.raises(PlanError, match="must say of which protocol: el2n@soft"):
        read_plan(path)


def test_the_committed_plan_is_right_and_no_line_is_twice():
    lines = read_plan()
    assert len(lines) >= 10
    assert {line.claims[0] for line in lines} >= {"anchor", "C1", "C5", "C8"}
    assert all(line.n >= 3 for line in lines)


def test_rows_are_kept_once_and_known_on_another_machine(tmp_path, monkeypatch, fresh_home):
    line = read_plan(plan_in(tmp_path, monkeypatch))[0]
    assert len(line.missing(line.setting.rows())) == 3
    table = make_rows(line, line.trials[:2])
    make_rows(line, line.trials[:1])  # fetched, and not written twice
    monkeypatch.setenv("RDC_HOME", str(tmp_path / "another"))
    rows = line.setting.rows()
    assert len(rows) == 2
    assert [trial.seed for trial in line.missing(rows)] == [2]
    assert line.measured(rows)["top1"].tolist() == pytest.approx(table["top1"].tolist())
    assert rows["run_hash"].tolist() == [run_hash_of(line, t) for t in line.trials[:2]]
    other = rows.assign(epochs=60)  # a shortened recipe
    assert line.measured(other).empty
    assert len(line.missing(other)) == 3


def test_a_row_of_another_scoring_run_is_not_the_lines(tmp_path, monkeypatch):
    line = read_plan(plan_in(tmp_path, monkeypatch))[1]
    trial = line.trials[3]  # el2n, seed 1
    row = {"arm": "el2n", "budget": 1, "protocol": "hard", "epochs": 300, "seed": 1, "set_seed": 1}
    row |= {"student": trial.student, "training_seed": 1, "scoring_seed": 1.0, "teacher_seed": None}
    assert len(line.measured(pd.DataFrame([row]))) == 1
    assert line.measured(pd.DataFrame([row | {"scoring_seed": 0.0}])).empty


def test_rows_of_a_setting_without_a_file_are_none(tmp_path, monkeypatch):
    line = read_plan(plan_in(tmp_path, monkeypatch))[0]
    assert isinstance(line.setting.rows(), pd.DataFrame)
    assert line.measured(line.setting.rows()).empty
    assert campaign.terms("pca@soft - el2n order=hard") == [
        ("pca", "soft"),
        ("el2n order=hard", ""),
    ]
