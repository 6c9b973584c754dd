"""Fixtures that tests of several verbs share."""

import pytest

from rdc_kit.commands import evidence
from rdc_kit.ground import store

from ..study.grid.plans import commit, git, plan_in


@pytest.fixture
def plan(tmp_path, monkeypatch, fresh_home):
    """A repository with a plan that is committed."""
    folder = tmp_path / "repo" / "data" / "evidence"
    folder.mkdir(parents=True)
    monkeypatch.setattr(evidence, "checkout", lambda: tmp_path / "repo")
    monkeypatch.setattr(store, "git_state", lambda: "1234567")
    path = plan_in(folder, monkeypatch)
    git(path.parents[1], "init", "-q")
    commit(path)
    return path
