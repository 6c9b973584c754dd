"""The verbs runs, claims and figures: they read what is there."""

import shutil

import pandas as pd
import pytest

from rdc_kit.__main__ import main
from rdc_kit.ground import files, folders, store
from rdc_kit.study.grid import monitor
from rdc_kit.study.grid.planfile import read_plan

from ..study.grid.plans import PLAN, commit, git
from ..study.verdicts.conftest import rows_of


def test_runs_lists_nothing_at_first(fresh_home, capsys):
    assert main(["runs"]) == 0
    assert capsys.readouterr().out.startswith("runs: 0 notebooks, 0 finished trainings")


def test_runs_says_how_each_ended(fresh_home, capsys):
    runs = fresh_home / "data" / "runs"
    facts = {"started": "2026-01-01T10:00:00+00:00"}
    endings = {"00_a-1": {"status": "ok"}, "01_b-2": {"status": "failed", "error": "no luck"},
               "02_c-3": {"status": "running", "pid": 2**22 + 1}}  # fmt: skip
    for name, ending in endings.items():
        files.write_json(runs / "notebooks" / name / "manifest.json", facts | ending)
    store.cached(runs / "train", {"a": 1}, lambda home: {"top1": 1})
    (runs / "train" / "begun").mkdir()
    (runs / "train" / ".DS_Store").touch()  # it ended the list
    assert main(["runs"]) == 0
    told = capsys.readouterr().out.strip().splitlines()
    assert [line.split()[0] for line in told[:3]] == ["ok", "failed", "interrupted"]
    assert told[0] == "ok           2026-01-01 10:00:00 UTC  00_a-1"
    assert told[1].endswith("01_b-2  no luck")
    assert told[3].startswith("runs: 3 notebooks, 1 finished trainings")


def test_runs_says_how_far_the_grids_at_work_are(fresh_home, capsys):
    with monitor.reported(12, "runs") as tell:
        tell(3, "pca, seed 1")
        assert main(["runs"]) == 0
    told = capsys.readouterr().out.splitlines()[0]
    assert told.startswith("at work: ")
    assert "runs: 3 of 12, about " in told
    assert told.endswith("now pca, seed 1")


def test_claims_prints_every_verdict_and_counts_them(capsys):
    assert main(["claims", "--results", "evidence"]) == 0
    told = capsys.readouterr().out
    assert "\nC9: " in told
    last = told.strip().splitlines()[-1]
    assert last.startswith("claims: ")
    assert " reproduced" in last
    assert " demonstration" in last


def test_what_is_decided_is_written_between_the_marks_and_nothing_else(tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- ledger -->\nOUTDATED\n<!-- ledger -->\nafter\n")
    assert main(["claims", "--results", "evidence", "--into", str(page)]) == 0
    text = page.read_text()
    setting = "**cifar10, 32 px, 300 epochs, convnet3-w128**"
    assert text.startswith(f"before\n<!-- ledger -->\n{setting}\n\n| claim |")
    assert text.endswith("\n<!-- ledger -->\nafter\n")
    anchor = "| anchor: our mean is within 2.5 points of a published number | `random`, % right |"
    assert f"\n{anchor} 15.6\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}3.8" in text
    assert "OUTDATED" not in text


@pytest.mark.parametrize("text", ["no marks", "<!-- ledger -->\n", None])
def test_a_page_without_marks_is_refused_before_the_ledger_is_computed(
    text, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr("rdc_kit.study.verdicts.ledger.ledger", None)
    page = tmp_path / "page.md"
    if text is not None:
        page.write_text(text)
    assert main(["claims", "--results", "evidence", "--into", str(page)]) == 2
    told = f"claims: {page} must be a text file with two lines '<!-- ledger -->', between which"
    assert capsys.readouterr().err.startswith(told)
    assert page.exists() == (text is not None)
    assert text is None or page.read_text() == text


def test_the_findings_verdicts_are_those_of_the_committed_rows(tmp_path):
    """`rdc claims --results evidence --into data/evidence/findings.md` writes them."""
    kept, copy = folders.checkout() / "data/evidence/findings.md", tmp_path / "findings.md"
    shutil.copy(kept, copy)
    assert main(["claims", "--results", "evidence", "--into", str(copy)]) == 0
    assert copy.read_text() == kept.read_text()


def test_no_results_are_one_line_that_says_what_to_do(fresh_home, capsys):
    assert main(["claims"]) == 2
    told = capsys.readouterr().err
    assert 'there are no results in runs: results = "evidence" reads' in told
    assert "works at once" in told
    assert " study` makes your own" in told
    assert len(told.strip().splitlines()) == 1
    assert main(["figures", "--results", "here"]) == 2
    assert "results are in runs, evidence or a folder (its whole" in capsys.readouterr().err


def test_a_plan_of_ones_own_has_a_ledger_and_a_figure(tmp_path, capsys):
    """Of what it asks and nothing else: no claim of the paper is told as not tested."""
    path = tmp_path / "plan.toml"
    path.write_text(PLAN.replace('["C5"]', '["mine"]'))
    git(path, "init", "-q")
    commit(path)
    easy = read_plan(path)[1]
    easy.add(rows_of(easy, {"random": [50.0, 51, 50, 51], "el2n": [60.0, 62, 61, 62]}))
    assert main(["claims", "--results", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "mine: a question of the plan's own\n    holds " in told
    assert "el2n - random: +10.8 (+10.0 to +11.5) points" in told
    assert told.splitlines()[-1] == "claims: 1 reproduced, 1 holds"
    out = tmp_path / "drawn"
    assert main(["figures", "--results", str(tmp_path), "--out", str(out)]) == 0
    facts = files.read_json(out / "ledger.json")
    assert sorted(facts["inputs"]) == ["campaign-tiny.csv", "plan.toml"]
    assert pd.read_csv(out / "ledger.csv")["line"].tolist() == ["random", "easy"]
    assert [p.name for p in sorted(out.glob("*.png"))] == ["ledger.png"]


def test_figures_of_a_plan_without_rows_are_not_done(tmp_path, capsys):
    path = tmp_path / "plan.toml"
    path.write_text(PLAN)
    git(path, "init", "-q")
    commit(path)
    assert main(["figures", "--results", str(tmp_path), "--out", str(tmp_path / "drawn")]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert f"figures: nothing is measured in {tmp_path} that a figure shows: " in told.err
    assert f"evidence --folder {tmp_path} --minutes 60` measures" in told.err
    assert len(told.err.splitlines()) == 1


def test_a_page_that_is_no_text_is_named(tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_bytes(b"\xff\xfe<!-- ledger -->\n<!-- ledger -->\n")
    assert main(["claims", "--results", "evidence", "--into", str(page)]) == 2
    assert f"{page} must be a text file with two lines" in capsys.readouterr().err


def test_figures_are_drawn_into_the_folder_that_was_asked_for(tmp_path, monkeypatch, capsys):
    """From a few of the committed tables."""
    few = tmp_path / "evidence"
    few.mkdir()
    for name in ("00-digits-32px-runs.csv", "04-digits-32px-sweep.csv"):
        shutil.copy(folders.evidence_dir() / name, few)
    monkeypatch.setattr("rdc_kit.study.verdicts.tables.evidence_dir", lambda: few)
    out = tmp_path / "out"
    assert main(["figures", "--results", "evidence", "--out", str(out)]) == 0
    told = capsys.readouterr().out.strip().splitlines()
    drawn = sorted(path.name for path in out.glob("*.png"))
    assert sorted(line.rpartition("/")[2] for line in told[:-1]) == drawn
    found = {name.split("-")[0] for name in drawn if not name.startswith("planned_")}
    assert found == {"first_look", "crops", "ledger.png", "room.png"}
    assert told[-1] == f"figures: {len(drawn)}, each as pdf, png, csv and json"


@pytest.mark.parametrize("text", ["", "{", "3", "[]", "{}", '{"status": "ok"}', "\\xff"])
def test_a_damaged_record_is_set_aside_and_stops_no_report(text, fresh_home, capsys):
    runs = fresh_home / "data" / "runs"
    for place in ("notebooks/00_start_here-a/manifest.json", "progress/host-1.json"):
        (runs / place).parent.mkdir(parents=True)
        (runs / place).write_text(text)
    assert main(["runs"]) == 0
    assert main(["gallery"]) == 1
    assert main(["claims"]) == 2
    monitor.as_html(monitor.status())
    assert "damaged" in capsys.readouterr().err
