"""The campaign's verb: shows, works within its time, and tells what was planned too late."""

import subprocess

import pytest

from rdc_kit.__main__ import main
from rdc_kit.commands import evidence

from ..study.grid.plans import PLAN, plan_in


@pytest.fixture
def plan(tmp_path, monkeypatch, fresh_home):
    """A repository with a plan that is committed."""
    folder = tmp_path / "repo" / "data" / "evidence"
    folder.mkdir(parents=True)
    monkeypatch.setattr(evidence, "evidence_dir", lambda: folder)
    monkeypatch.setattr(evidence, "checkout", lambda: tmp_path / "repo")
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


def test_what_does_not_fit_into_the_time_is_not_begun(plan, capsys):
    assert main(["evidence", "--minutes", "0.0001"]) == 0
    said = capsys.readouterr().out
    assert "easy: the next replicate takes about 2 s: left" in said
    assert not (plan.parent / "campaign-tiny.csv").exists()


def test_one_line_can_be_asked_for(plan, capsys):
    assert main(["evidence", "--line", "random", "--minutes", "1", "--workers", "1"]) == 0
    said = capsys.readouterr().out
    assert "random: replicate 2, 1 rows" in said
    assert "easy" not in said
    assert main(["evidence", "--line", "randon"]) == 2
    assert "unknown line 'randon' - did you mean 'random'" in capsys.readouterr().err


def test_a_line_that_came_or_changed_after_its_rows_is_told(plan, capsys, monkeypatch):
    from rdc_kit.ground import store

    first = git(plan, "rev-parse", "--short", "HEAD")
    monkeypatch.setattr(store, "git_state", lambda: first)
    plan.write_text(
        PLAN
        + PLAN.split("[[line]]")[2]
        .join(["\n[[line]]", ""])
        .replace("easy", "late")
        .replace("ipc = 1", "ipc = 2")
    )
    commit(plan)
    assert main(["evidence", "--minutes", "10", "--workers", "1"]) == 0
    capsys.readouterr()
    assert main(["evidence", "--check"]) == 1
    said = capsys.readouterr().out
    assert "random: planned before its rows" in said
    assert "late: 'el2n - random' could be measured before it was planned" in said
    plan.write_text(plan.read_text().replace("n = 3", "n = 5"))
    commit(plan)
    assert main(["evidence", "--check"]) == 1
    assert f"random: changed since {first} made rows of it" in capsys.readouterr().out


def test_a_line_may_share_an_earlier_lines_baseline(plan, capsys, monkeypatch):
    """Rows of random are there; what is new is not, so nobody has seen the effect."""
    from rdc_kit.ground import store

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


def test_so_many_replicates_as_there_are_workers_are_made_at_a_time(plan, capsys, monkeypatch):
    """One replicate's scoring run kept one process busy, and the others waited for it."""
    made = []
    monkeypatch.setattr(
        evidence, "_make", lambda line, trials, workers: made.append([t.seed for t in trials])
    )
    assert main(["evidence", "--line", "easy", "--minutes", "9", "--workers", "3"]) == 0
    assert made == [[0, 0, 1, 1, 2, 2], [3, 3]]
    assert capsys.readouterr().out.count("easy: replicate") == 4
