"""The campaign's verb: shows, works within its time, and tells what was planned too late."""

import re

import pandas as pd
import pytest

from rdc_kit.__main__ import main
from rdc_kit.commands import evidence
from rdc_kit.data.imagesets import DataError
from rdc_kit.ground import locks, store
from rdc_kit.study.grid.campaign import Line
from rdc_kit.study.grid.pace import Pace


@pytest.fixture(autouse=True)
def known_pace(monkeypatch):
    """What fits into the time does not hang on what else the machine is doing."""
    pace = Pace(training=1e4, testing=1e5)  # images per second
    monkeypatch.setattr("rdc_kit.study.grid.plan.pace_of", lambda *_: pace)


def test_missing_rows_are_made_by_priority_and_then_judged(plan, capsys):
    assert main(["evidence"]) == 0
    said = capsys.readouterr().out
    assert "random (anchor; priority 2): 0 of 3 rows" in said
    assert "el2n - random: pending, 0 of 4" in said
    assert main(["evidence", "--minutes", "10", "--workers", "1"]) == 0
    said = capsys.readouterr().out
    assert "easy: replicate 3, 2 rows" in said
    assert "random: replicate" not in said  # the line before it has made these rows
    assert "random (anchor; priority 2): done" in said
    assert said.strip().splitlines()[-1].startswith("evidence: 2 of 2 lines complete")
    assert len((plan.parent / "campaign-tiny.csv").read_text().splitlines()) == 1 + 8


def test_what_must_be_said_of_a_setting_is_said_once(plan, capsys):
    text = plan.read_text()
    assert main(["evidence"]) == 0
    assert "tiny: " not in capsys.readouterr().out
    text = text.replace('family = "pruning"', 'family = "pruning"\nleast = 5.0')
    plan.write_text(text.replace("size = 16", 'size = 16\nnote = "scaled up"'))
    assert main(["evidence"]) == 0
    said = capsys.readouterr().out
    assert "    el2n - random, must exceed 5: pending, 0 of 4\n" in said
    assert said.startswith("tiny: scaled up\nrandom (anchor")
    assert said.count("tiny: ") == 1


def test_the_rows_of_a_line_are_looked_for_once(plan, capsys, monkeypatch):
    """Three times, and each time its file was read anew: of 15 s, half."""
    asked, rows = [], Line.rows
    monkeypatch.setattr(Line, "rows", lambda line, *how: asked.append(line.key) or rows(line, *how))
    assert main(["evidence"]) == 0
    assert sorted(asked) == ["easy", "random"]


def test_a_call_that_had_to_pass_something_over_ends_with_1(plan, capsys, monkeypatch):
    def make(line, trials):
        raise DataError(f"class 3 of {line.setting.dataset} has no image")

    monkeypatch.setattr(evidence, "make_rows", lambda line, trials, workers: make(line, trials))
    assert main(["evidence", "--line", "random", "--minutes", "1", "--workers", "1"]) == 1
    said = capsys.readouterr()
    assert "random: replicate 2 cannot be made and is passed over: class 3 of digits" in said.err
    assert said.out.strip().splitlines()[-1].startswith("evidence: 0 of 2 lines complete")


def test_a_plan_that_is_not_committed_is_told(plan, capsys, monkeypatch):
    monkeypatch.setattr(evidence, "work_through", lambda work, workers: True)
    for state, told in (("as committed", 0), ("changed", 1)):
        if told:
            plan.write_text(plan.read_text() + "# more" + chr(10))
        assert main(["evidence", "--minutes", "1"]) == 0, state
        assert capsys.readouterr().err.count("has changes that are not committed") == told


def test_lines_that_are_named_are_made_in_that_order(plan, monkeypatch):
    """They were made by priority, though the help says so."""
    works = []
    monkeypatch.setattr(evidence, "work_through", lambda work, _: bool(works.append(work)) or True)
    for more in (["--line", "random", "easy"], []):
        assert main(["evidence", "--minutes", "1", *more]) == 0
    assert [line.key for line in works[0].lines] == ["random", "easy"]
    assert [work.as_given for work in works] == [True, False]


def test_what_does_not_fit_into_the_time_is_not_begun(plan, capsys):
    assert main(["evidence", "--minutes", "0.0001", "--workers", "1"]) == 0
    said = capsys.readouterr().out
    assert "easy: the next replicate would take about 2 s: not begun" in said
    assert not (plan.parent / "campaign-tiny.csv").exists()


def test_a_scoring_run_that_is_missing_counts_before_anything_is_begun(plan, capsys, monkeypatch):
    """A line says what its rows take; a teacher or a scoring run took an hour more."""
    slow = Pace(training=1e-3, testing=1e9)  # images per second
    monkeypatch.setattr("rdc_kit.study.grid.plan.pace_of", lambda *_: slow)
    assert main(["evidence", "--line", "easy", "--minutes", "5", "--workers", "1"]) == 0
    hours = re.search(r"next replicate would take about ([\d.]+) h: not", capsys.readouterr().out)
    # 10 epochs of 1,347 images, and two trainings of 300 epochs of 10
    assert float(hours[1]) * 3600 == pytest.approx(1000 * (10 * 1347 + 2 * 300 * 10), rel=0.01)
    assert not (plan.parent / "campaign-tiny.csv").exists()


def test_one_line_can_be_asked_for(plan, capsys):
    assert main(["evidence", "--line", "random", "--minutes", "1", "--workers", "1"]) == 0
    said = capsys.readouterr().out
    assert "random: replicate 2, 1 row," in said
    assert "easy" not in said
    assert main(["evidence", "--line", "randon"]) == 2
    assert "unknown line 'randon' - did you mean 'random'" in capsys.readouterr().err


def test_of_one_priority_the_line_that_is_named_first_is_made_first(plan, capsys):
    """It was the plan's first, whatever had been asked."""
    plan.write_text(plan.read_text().replace("priority = 2", "priority = 1"))
    for asked in (["random", "easy"], ["easy", "random"]):
        (plan.parent / "campaign-tiny.csv").unlink(missing_ok=True)
        assert main(["evidence", "--line", *asked, "--minutes", "1", "--workers", "1"]) == 0
        made = re.findall(r"^(\w+): replicate", capsys.readouterr().out, re.MULTILINE)
        assert made[0] == asked[0]


def test_without_a_commit_no_row_is_begun(plan, capsys, monkeypatch):
    """Git is missing, or refuses the folder of another user."""
    monkeypatch.setattr(store, "git_state", lambda: "")
    for more in ([], ["--again"]):
        assert main(["evidence", "--minutes", "1", "--workers", "1", *more]) == 2
        said = capsys.readouterr().err
        assert "git gives none for" in said
        assert "safe.directory" in said
    assert not (plan.parent / "campaign-tiny.csv").exists()
    assert main(["evidence"]) == 0


def test_a_replicate_that_another_process_makes_is_passed_over(plan, capsys):
    """Whatever its RDC_HOME: the claim lies beside the rows."""
    with locks.lock(plan.parent / store.LOCKS / "random" / "1", "random, 1"):
        asked = ["evidence", "--line", "random", "--minutes", "1", "--workers", "1"]
        assert main(asked) == 0
    said = capsys.readouterr().out
    assert [f"replicate {seed}, 1 row," in said for seed in range(3)] == [True, False, True]
    assert "random (anchor; priority 2): 2 of 3 rows" in said


def test_a_row_that_is_there_twice_hides_no_missing_one(plan, capsys):
    row = {"arm": "random", "budget": 1, "protocol": "hard", "epochs": 300, "top1": 50.0}
    row |= {"student": "convnet2-w8", "set_seed": 0, "training_seed": 0, "seed": 0, "crops": ""}
    rows = pd.DataFrame([row | {"run_hash": name} for name in ("cpu", "cuda", "again")])
    rows.to_csv(plan.parent / "campaign-tiny.csv", index=False)
    assert main(["evidence", "--line", "random"]) == 0
    assert "random (anchor; priority 2): 1 of 3 rows" in capsys.readouterr().out


def test_the_committed_rows_answer_what_no_line_asks(capsys):
    call = ["evidence", "--line", "difficulty-cifar10", "--ask"]
    assert main([*call, "el2n skip=0.25#50 - pca#50", "el2n#50"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == ("el2n skip=0.25#50 - pca#50: 2.94 (1.01 to 4.86) points, n = 5, p = 0.013")
    assert told[1].startswith("el2n#50: 4")
    assert told[2].startswith("cifar10-convnet3: the images here are a JPEG copy")
    assert told[3].startswith("exploratory: nobody planned these")


def test_a_line_must_be_named_to_be_asked(capsys):
    assert main(["evidence", "--ask", "pca - random"]) == 2
    assert "name one, --line KEY" in capsys.readouterr().err


def test_a_best_value_is_of_an_option_that_rows_have(capsys):
    assert main(["evidence", "--line", "difficulty-cifar10", "--ask", "best crop of el2n#10"]) == 2
    assert "unknown option with a best value 'crop' - did you mean" in capsys.readouterr().err
