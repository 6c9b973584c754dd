"""The monitor: what runs, how far it is, and what was cut off, seen from outside."""

import json
import os
import subprocess
import sys
import time

import pandas as pd
import pytest

from rdc_kit.ground import files
from rdc_kit.study.grid import experiments, monitor
from rdc_kit.study.grid.arms import Arm
from rdc_kit.study.grid.experiments import Experiment, plan_trials

from ..conftest import HARD1, small_setup


def small_grid():
    setup = small_setup()
    return Experiment(setup, plan_trials(setup, [Arm("random")], [1, 2], [HARD1], seeds=2))


def test_a_grid_says_how_far_it_is_and_that_it_ended(fresh_home, monkeypatch):
    seen = []
    monkeypatch.setenv("RDC_RUN_DIR", "/somewhere/05_mine-1a2b")
    small_grid().measure(tell=lambda done, left: seen.append(monitor.progress().iloc[0]))
    assert {row["note"] for row in seen} == {"random, seed 0", "random, seed 1"}
    assert {(row["name"], row["status"], row["total"]) for row in seen} == {
        ("05_mine-1a2b runs", "running", 4)
    }
    (ended,) = monitor.progress().to_dict("records")
    assert (ended["status"], ended["done"], ended["total"]) == ("ended", 4, 4)
    assert pd.isna(ended["seconds_left"])


def test_a_grid_that_fails_is_seen_as_stopped_with_its_error(fresh_home, monkeypatch):
    def broken(*arguments, **settings):
        raise RuntimeError("out of luck")

    monkeypatch.setattr(experiments, "row_of", broken)
    with pytest.raises(RuntimeError, match="out of luck"):
        small_grid().measure()
    (row,) = monitor.progress().to_dict("records")
    assert (row["status"], row["done"]) == ("stopped", 0)
    assert row["note"] == "RuntimeError: out of luck"


def test_a_killed_grid_is_seen_from_another_process(fresh_home):
    code = (
        "import time\nfrom rdc_kit.study.grid import monitor\n"
        "with monitor.reported(8) as tell:\n"
        "    tell(2, 'easiest')\n    time.sleep(60)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code], env=dict(os.environ))
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        found = monitor.progress()
        if len(found) and found.loc[0, "done"] == 2:
            break
        time.sleep(0.1)
    assert (found.loc[0, "status"], found.loc[0, "note"]) == ("running", "easiest")
    assert found.loc[0, "seconds_left"] >= 0
    child.kill()
    child.wait()
    assert monitor.progress().loc[0, "status"] == "interrupted"


def test_the_seconds_left_are_those_of_the_runs_that_were_made():
    """Six runs fetched at once and two that took 10 s each: the other two take 20 s, not 5."""
    facts = {"name": "x", "pid": os.getpid(), "host": None, "status": "running", "arm": "a"}
    facts |= {"done": 8, "total": 10, "pace": 10.0}
    facts |= {"began": "2026-01-01T00:00:00+00:00", "said": "2026-01-01T00:00:20+00:00"}
    assert monitor._grid_row(facts)["seconds_left"] == 20
    assert monitor._grid_row(facts | {"pace": None})["seconds_left"] == 5


def test_a_grid_is_named_by_who_began_it(fresh_home, monkeypatch):
    for name in ("RDC_RUN_DIR", "JPY_SESSION_NAME"):
        monkeypatch.delenv(name, raising=False)
    for argv, expected in ((["/bin/rdc", "evidence"], "rdc evidence runs"), (["pytest"], "runs")):
        monkeypatch.setattr(sys, "argv", argv)
        with monitor.reported(1, "runs"):
            assert monitor.progress()["name"].tolist() == [expected]


def test_people_read_words_and_no_missing_numbers():
    row = dict.fromkeys(monitor.COLUMNS, "") | {"done": 3, "total": 12, "seconds_left": 240}
    other = dict.fromkeys(monitor.COLUMNS, "") | dict.fromkeys(("done", "total", "seconds_left"))
    told = monitor.for_people(monitor._frame([row, other]))
    assert told["runs"].tolist() == ["3 of 12", ""]
    assert told["time left"].tolist() == ["4 min", ""]


def test_a_record_that_is_being_written_is_left_alone(fresh_home):
    part = monitor._folder() / ".grid-0bbfd16a.json"
    part.parent.mkdir(parents=True, exist_ok=True)
    part.write_text("")
    assert monitor.progress().empty
    assert part.exists()


def test_old_records_are_forgotten(fresh_home):
    old = fresh_home / "data" / "runs" / "progress" / "elsewhere-1.json"
    with monitor.reported(1):
        pass
    old.write_text(json.dumps({"name": "old"}))
    os.utime(old, (0, 0))
    with monitor.reported(1):
        pass
    assert not old.exists()
    assert len(monitor.progress()) == 1


def test_notebooks_stand_beside_the_grids_and_the_page_escapes_what_they_say(fresh_home):
    assert "Nothing has run here yet" in monitor.as_html(monitor.status())
    folder = fresh_home / "data" / "runs" / "notebooks" / "00_start_here-12ab"
    facts = {"status": "failed", "started": files.now(), "error": "a < b"}
    files.write_json(folder / "manifest.json", facts)
    with monitor.reported(3) as tell:
        tell(1, "pca")
    table = monitor.status()
    assert list(table.columns) == monitor.COLUMNS
    assert sorted(table["kind"]) == ["grid", "notebook"]
    page = monitor.as_html(table)
    assert "a &lt; b" in page
    assert "1 of 3" in page
