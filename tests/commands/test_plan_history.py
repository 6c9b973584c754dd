"""What git says of a plan: of a line at a commit, since when, and of what is not there."""

import tomllib

import pandas as pd
import pytest

from rdc_kit.commands import plan_history
from rdc_kit.commands.plan_history import ABSENT, PLANNED, planned_since, state_at
from rdc_kit.study.grid.planfile import read_plan

from ..study.grid.plans import PLAN, commit

FIRST, SECOND = ("[[line]]".join(PLAN.split("[[line]]")[:end]) for end in (2, 3))


@pytest.fixture
def history(plan, monkeypatch):
    """Commits on days to come: the second line comes, is changed, and is changed back."""
    texts = [FIRST, SECOND, SECOND.replace("n = 4", "n = 5"), "# a remark\n" + SECOND]
    commits = []
    for day, text in enumerate(texts, 1):
        monkeypatch.setenv("GIT_COMMITTER_DATE", f"2099-01-{day:02}T12:00:00+00:00")
        plan.write_text(text)
        commits.append(commit(plan))
    return commits


def test_a_line_is_absent_planned_or_changed(plan, history):
    now, line = tomllib.loads(plan.read_text()), read_plan(plan)[-1]
    changed = f"changed since {history[2]} made rows of it"
    told = [state_at(name, line, plan, now) for name in history]
    assert told == [ABSENT, PLANNED, changed, PLANNED]
    assert state_at(f"{history[1]}-dirty", line, plan, now) == PLANNED
    plan.write_text(plan.read_text().replace("n = 4", "n = 4\nknown = [1]"))
    now = tomllib.loads(plan.read_text())
    assert state_at(history[1], line, plan, now) == PLANNED  # what was known is no change


def test_a_line_that_was_changed_and_changed_back_is_planned_since_then(plan, history):
    now = tomllib.loads(plan.read_text())
    first, second = read_plan(plan)
    assert planned_since(second, plan, now) == pd.Timestamp("2099-01-04T12:00:00Z")
    assert planned_since(first, plan, now) < planned_since(second, plan, now)
    plan.write_text(plan.read_text().replace("n = 4", "n = 6"))
    assert planned_since(second, plan, tomllib.loads(plan.read_text())) is None


def test_what_was_no_plan_yet_had_no_line(plan, history, monkeypatch):
    """One typo in the history of a plan, and it could never be checked."""
    now, line = tomllib.loads(plan.read_text()), read_plan(plan)[-1]
    whole = plan.read_text()
    for day, text in enumerate(("key = a typo", "[[line]]" + whole.split("[[line]]")[2]), 5):
        monkeypatch.setenv("GIT_COMMITTER_DATE", f"2099-01-{day:02}T12:00:00+00:00")
        plan.write_text(text)
        assert state_at(commit(plan), line, plan, now) == ABSENT
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2099-01-07T12:00:00+00:00")
    plan.write_text(whole)
    commit(plan)
    assert planned_since(line, plan, now) == pd.Timestamp("2099-01-07T12:00:00Z")


def test_a_plan_that_differs_from_its_last_commit_is_told(plan, history, monkeypatch):
    assert not plan_history.is_changed(plan)
    plan.write_text(FIRST)
    assert plan_history.is_changed(plan)
    monkeypatch.setenv("PATH", str(plan.parent))  # no git
    assert not plan_history.is_changed(plan)
