"""The campaign's verb: shows, works within its time, and tells what was planned too late."""

import re
import subprocess

import pandas as pd
import pytest

from rdc_kit.__main__ import main
from rdc_kit.commands import evidence
from rdc_kit.data.imagesets import DataError
from rdc_kit.ground import store
from rdc_kit.ground.folders import evidence_dir
from rdc_kit.study.grid import campaign, planfile
from rdc_kit.study.grid.workers import Pace

from ..study.grid.plans import PLAN, plan_in


@pytest.fixture
def plan(tmp_path, monkeypatch, fresh_home):
    """A repository with a plan that is committed."""
    folder = tmp_path / "repo" / "data" / "evidence"
    folder.mkdir(parents=True)
    monkeypatch.setattr(evidence, "evidence_dir", lambda: folder)
    monkeypatch.setattr(evidence, "checkout", lambda: tmp_path / "repo")
    monkeypatch.setattr(store, "git_state", lambda: "1234567")
    path = plan_in(folder, monkeypatch)
    git(path, "init", "-q")
    commit(path)
    return path


def git(path, *words):
    done = subprocess.run(
        ["git", "-c", "user.name=x", "-c", "user.email=x@y", *words],
        cwd=path.parents[2],
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def commit(path):
    git(path, "add", ".")
    git(path, "commit", "-qm", "as it is")
    return git(path, "rev-parse", "--short", "HEAD")


def test_missing_rows_are_made_by_priority_and_then_judged(plan, capsys):
    assert main(["evidence", "--workers", "1"]) == 0
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


def test_what_does_not_fit_into_the_time_is_not_begun(plan, capsys):
    assert main(["evidence", "--minutes", "0.0001", "--workers", "1"]) == 0
    said = capsys.readouterr().out
    assert "easy: the next replicate takes about 2 s: left" in said
    assert not (plan.parent / "campaign-tiny.csv").exists()


def test_a_scoring_run_that_is_missing_counts_before_anything_is_begun(plan, capsys, monkeypatch):
    """A line says what its rows take; a teacher or a scoring run took an hour more."""
    slow = Pace(training=1e-3, testing=1e9)  # images per second
    monkeypatch.setattr("rdc_kit.study.grid.plan.pace_of", lambda *_: slow)
    assert main(["evidence", "--line", "easy", "--minutes", "5", "--workers", "1"]) == 0
    hours = re.search(r"the next replicate takes about ([\d.]+) h: left", capsys.readouterr().out)
    # 10 epochs of 1,347 images, and two trainings of 300 epochs of 10
    assert float(hours[1]) * 3600 == pytest.approx(1000 * (10 * 1347 + 2 * 300 * 10), rel=0.01)
    assert not (plan.parent / "campaign-tiny.csv").exists()


def test_one_line_can_be_asked_for(plan, capsys):
    assert main(["evidence", "--line", "random", "--minutes", "1", "--workers", "1"]) == 0
    said = capsys.readouterr().out
    assert "random: replicate 2, 1 rows" in said
    assert "easy" not in said
    assert main(["evidence", "--line", "randon"]) == 2
    assert "unknown line 'randon' - did you mean 'random'" in capsys.readouterr().err


def test_a_line_that_came_or_changed_after_its_rows_is_told(plan, capsys, monkeypatch):
    first = git(plan, "rev-parse", "--short", "HEAD")
    monkeypatch.setattr(store, "git_state", lambda: first)
    plan.write_text(
        PLAN
        + PLAN.split("[[line]]")[2]
        .join(["\n[[line]]", ""])
        .replace("easy", "late")
        .replace("ipc = 1", "ipc = 2")
        .replace("n = 4", "n = 2")
    )
    commit(plan)
    asked = ["evidence", "--line", "random", "late", "--minutes", "9", "--workers", "1"]
    assert main(asked) == 0
    capsys.readouterr()
    assert main(["evidence", "--check"]) == 1
    said = capsys.readouterr().out
    assert "random: planned before its rows" in said
    assert "late: 'el2n - random' could be measured before it was planned" in said
    plan.write_text(plan.read_text().replace("n = 3", "n = 5"))
    commit(plan)
    assert main(["evidence", "--check"]) == 1
    assert f"random: changed since {first} made rows of it" in capsys.readouterr().out


def test_a_history_that_is_not_there_accuses_nobody(plan, capsys, monkeypatch):
    monkeypatch.setattr(store, "git_state", lambda: "1234567-dirty")
    assert main(["evidence", "--line", "random", "--minutes", "1", "--workers", "1"]) == 0
    assert main(["evidence", "--check"]) == 2
    assert "commit 1234567, by which rows were made, is not in" in capsys.readouterr().err
    with monkeypatch.context() as here:
        here.setenv("PATH", str(plan.parent))
        assert main(["evidence", "--check"]) == 2
    assert "--check reads the plan's history by git: install it" in capsys.readouterr().err
    monkeypatch.setattr(evidence, "checkout", lambda: None)  # an installed package
    assert main(["evidence", "--check"]) == 2
    assert "run it in a clone of the repository" in capsys.readouterr().err


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


def test_rows_without_a_commit_are_counted_and_hide_no_others(plan, capsys, monkeypatch):
    asked = ["evidence", "--line", "random", "--minutes", "1", "--workers", "1"]
    monkeypatch.setattr(store, "git_state", lambda: git(plan, "rev-parse", "--short", "HEAD"))
    assert main(asked) == 0
    path = plan.parent / "campaign-tiny.csv"
    rows = campaign.read_rows(path)
    for count in (1, 3):
        rows.loc[: count - 1, "git"] = None
        rows.to_csv(path, index=False)
        capsys.readouterr()
        assert main(["evidence", "--check"]) == 0
        said = capsys.readouterr().out
        state = "planned before its rows" if count == 1 else "not known"
        assert f"random: {state}; {count} of 3 rows name no commit\n" in said
    assert "0 of 0 lines whose rows name a commit were planned before them; 2 have no" in said


def test_a_line_may_share_an_earlier_lines_baseline(plan, capsys, monkeypatch):
    """Rows of random are there; what is new is not, so nobody has seen the effect."""
    first = git(plan, "rev-parse", "--short", "HEAD")
    monkeypatch.setattr(store, "git_state", lambda: first)
    assert main(["evidence", "--line", "random", "--minutes", "1", "--workers", "1"]) == 0
    new = PLAN.split("[[line]]")[2].replace("el2n", "aum").replace("easy", "later")
    plan.write_text(PLAN + "\n[[line]]" + new)
    commit(plan)
    capsys.readouterr()
    assert main(["evidence", "--check"]) == 0
    said = capsys.readouterr().out
    assert "later: planned before its rows; 3 of 3 rows are an earlier line's" in said


def test_a_replicate_that_another_process_makes_is_passed_over(plan, capsys):
    """Whatever its RDC_HOME: the claim lies beside the rows."""
    with store.lock(plan.parent / store.LOCKS / "random-1", "random, 1"):
        asked = ["evidence", "--line", "random", "--minutes", "1", "--workers", "1"]
        assert main(asked) == 0
    said = capsys.readouterr().out
    assert [f"replicate {seed}, 1 rows" in said for seed in range(3)] == [True, False, True]
    assert "random (anchor; priority 2): 2 of 3 rows" in said


def test_a_row_that_is_there_twice_hides_no_missing_one(plan, capsys):
    row = {"arm": "random", "budget": 1, "protocol": "hard", "epochs": 300, "top1": 50.0}
    row |= {"student": "convnet2-w8", "set_seed": 0, "training_seed": 0, "seed": 0, "crops": ""}
    rows = pd.DataFrame([row | {"run_hash": name} for name in ("cpu", "cuda", "again")])
    rows.to_csv(plan.parent / "campaign-tiny.csv", index=False)
    evidence._show(planfile.read_plan()[0], pd.DataFrame({"line": []}))
    assert "random (anchor; priority 2): 1 of 3 rows" in capsys.readouterr().out


def test_a_best_value_cannot_be_seen_where_one_value_was_tried():
    rows = campaign.read_rows(evidence_dir() / "campaign-cifar10-convnet3.csv")
    easiest = rows[rows["arm"] == "el2n"]
    shifted = easiest.assign(arm="el2n skip=0.5", skip=0.5)
    effect = "best skip of el2n#10 - best skip of el2n#1"
    assert not evidence._measurable(easiest, effect)
    assert evidence._measurable(pd.concat([easiest, shifted]), effect)
    assert evidence._measurable(easiest, "el2n#10 - el2n#1")
