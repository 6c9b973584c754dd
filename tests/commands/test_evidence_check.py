"""Whether the plan came first, by its history."""

import shutil

import pandas as pd

from rdc_kit.__main__ import main
from rdc_kit.commands import evidence, evidence_check
from rdc_kit.ground import store
from rdc_kit.ground.folders import evidence_dir, runs_dir
from rdc_kit.methods import METHODS
from rdc_kit.study.grid import planfile
from rdc_kit.study.grid.making import make_rows
from rdc_kit.study.grid.rowfiles import read_rows

from ..study.grid.plans import PLAN, commit, git


def test_a_line_that_came_or_changed_after_its_rows_is_told(plan, capsys, monkeypatch):
    first = git(plan, "rev-parse", "--short", "HEAD")
    monkeypatch.setattr(store, "git_state", lambda: first)
    plan.write_text(
        PLAN
        + PLAN.split("[[line]]")[2]
        .join(["\n[[line]]", ""])
        .replace("easy", "late")
        .replace("ipc = 1", "ipc = 2")
        .replace("n = 4", "n = 3")
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


def test_a_change_that_is_not_committed_is_told_as_one_that_is(plan, capsys, monkeypatch):
    """What is judged is the plan as it stands in the file."""
    first = git(plan, "rev-parse", "--short", "HEAD")
    monkeypatch.setattr(store, "git_state", lambda: first)
    assert main(["evidence", "--line", "random", "--minutes", "9", "--workers", "1"]) == 0
    for old, new in (("anchor = 50.0", "anchor = 40.0"), ("size = 16", "size = 16\nnote = 'so'")):
        plan.write_text(PLAN.replace(old, new))
        capsys.readouterr()
        assert main(["evidence", "--check"]) == 1
        assert f"random: changed since {first} made rows of it" in capsys.readouterr().out
    plan.write_text(f"# a remark\n{PLAN}")
    assert main(["evidence", "--check"]) == 0


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


def test_rows_without_a_commit_are_counted_and_hide_no_others(plan, capsys, monkeypatch):
    asked = ["evidence", "--line", "random", "--minutes", "1", "--workers", "1"]
    monkeypatch.setattr(store, "git_state", lambda: git(plan, "rev-parse", "--short", "HEAD"))
    assert main(asked) == 0
    path = plan.parent / "campaign-tiny.csv"
    rows = read_rows(path)
    for count in (1, 3):
        rows.loc[: count - 1, "git"] = None
        rows.to_csv(path, index=False)
        capsys.readouterr()
        assert main(["evidence", "--check"]) == 0
        said = capsys.readouterr().out
        state = "planned before its rows" if count == 1 else "not known"
        assert f"random: {state}; {count} of 3 rows name no commit\n" in said
    assert "0 of 0 lines whose rows name a commit were planned before them; 2 have no" in said


def test_a_file_of_rows_is_read_once_for_all_lines(plan, monkeypatch):
    """It was read twice for each."""
    monkeypatch.setattr(store, "git_state", lambda: git(plan, "rev-parse", "--short", "HEAD"))
    assert main(["evidence", "--line", "random", "--minutes", "1", "--workers", "1"]) == 0
    read = []

    def counted(path, **how):
        read.append(path.name)
        return read_csv(path, **how)

    read_csv = pd.read_csv
    monkeypatch.setattr(pd, "read_csv", counted)
    assert main(["evidence", "--check"]) == 0
    assert read == ["campaign-tiny.csv"]


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


def test_what_a_line_says_was_known_is_checked(plan, capsys, monkeypatch):
    """Two of four replicates were there: the line may say so, and then judges the others."""
    first = git(plan, "rev-parse", "--short", "HEAD")
    monkeypatch.setattr(store, "git_state", lambda: first)
    line = next(line for line in planfile.read_plan() if line.key == "easy")
    make_rows(line, [trial for trial in line.trials if trial.seed < 2])
    new = PLAN.split("[[line]]")[2].replace('key = "easy"', 'key = "later"')
    plan.write_text(PLAN + "\n[[line]]" + new.replace("n = 4", "n = 5"))
    second = commit(plan)
    monkeypatch.setattr(store, "git_state", lambda: second)
    later = planfile.read_plan()[-1]
    make_rows(later, [trial for trial in later.trials if trial.seed == 2])
    for known, said in ((0, "'el2n - random' could"), (1, "'el2n - random' could"), (2, None)):
        text = new.replace("n = 4", f"n = 5\nknown = [{known}]")
        plan.write_text(PLAN + "\n[[line]]" + text)
        capsys.readouterr()
        assert main(["evidence", "--check"]) == int(said is not None)
        told = capsys.readouterr().out.splitlines()[2]
        assert told.startswith(f"later: {said or 'planned before its rows'}")
    assert told.endswith("; 2 replicates of 'el2n - random' were known, and do not count")


def test_a_crop_that_an_earlier_line_chose_is_known(plan, capsys, monkeypatch):
    """It was the usual one, so the line about the usual one was known before it was planned."""
    chosen = PLAN.split("[[line]]")[2].replace("n = 4", "n = 3\ncrops = [0.08, 1.0]")
    plan.write_text(PLAN.split("[[line]]")[0] + "[[line]]" + chosen)
    first = commit(plan)
    usual = chosen.replace('key = "easy"', 'key = "usual"').replace("crops = [0.08, 1.0]\n", "")
    plan.write_text(plan.read_text() + "\n[[line]]" + usual)
    second = commit(plan)
    made = {"budget": 1, "protocol": "hard", "epochs": 300, "student": "convnet2-w8"}
    made |= {"top1": 50.0, "hits": "-", "crop_high": 1.0}
    rows = [
        made
        | {"arm": arm, "git": git, "crops": crops, "crop_low": low, "run_hash": f"{k}{arm}"}
        | {"seed": seed, "set_seed": seed, "training_seed": seed}
        for arm in ("random", "el2n")
        for seed in range(3)
        for k, (git, crops, low) in enumerate(
            ((first, "0.08 1.0", 1.0 if seed else 0.08), (second, "", 0.08))
        )
    ]
    path = plan.parent / "campaign-tiny.csv"
    table = pd.DataFrame(rows)
    table.to_csv(path, index=False)
    assert main(["evidence", "--check"]) == 1
    said = capsys.readouterr().out
    assert "easy: planned before its rows" in said
    assert "usual: 'el2n - random' could be measured before it was planned" in said
    table.assign(crop_low=table["crop_low"].where(table["crops"] == "", 1.0)).to_csv(
        path, index=False
    )
    assert main(["evidence", "--check"]) == 0


def test_a_family_that_has_lost_an_effect_is_told(plan, capsys, monkeypatch):
    """With fewer effects the correction is milder."""
    third = PLAN.split("[[line]]")[2].replace('key = "easy"', 'key = "third"')
    plan.write_text(PLAN + "\n[[line]]" + third.replace("ipc = 1", "ipc = 2"))
    first = commit(plan)
    monkeypatch.setattr(store, "git_state", lambda: first)
    line = next(line for line in planfile.read_plan() if line.key == "easy")
    make_rows(line, line.trials[:1])
    assert main(["evidence", "--check"]) == 0
    plan.write_text(PLAN)
    commit(plan)
    capsys.readouterr()
    assert main(["evidence", "--check"]) == 1
    told = f"easy: its family has lost 'el2n - random' of third since {first} made rows of it"
    assert told in capsys.readouterr().out


def test_a_best_value_cannot_be_seen_where_one_value_was_tried():
    rows = read_rows(evidence_dir() / "campaign-cifar10-convnet3.csv")
    easiest = rows[(rows["arm"] == "el2n") & (rows["protocol"] == "hard")]
    shifted = easiest.assign(arm="el2n skip=0.5", skip=0.5)
    effect = "best skip of el2n#10 - best skip of el2n#1"
    assert not evidence_check._measurable(easiest, effect)
    assert evidence_check._measurable(pd.concat([easiest, shifted]), effect)
    assert evidence_check._measurable(easiest, "el2n#10 - el2n#1")
    assert not evidence_check._measurable(easiest.drop(columns="skip"), effect)


def test_what_guessing_comes_to_needs_no_rows():
    rows = read_rows(evidence_dir() / "campaign-cifar10-convnet3.csv")
    easiest = rows[(rows["arm"] == "el2n") & (rows["protocol"] == "hard")]
    assert evidence_check._measurable(easiest, "el2n#10 - chance")
    assert not evidence_check._measurable(easiest, "random#10 - chance")


OWN = """
import rdc_kit as rdc
from rdc_kit.methods import METHODS, Method


def first(pool, ipc, seed, runtime):
    return pool[[int(row) for k in range(pool.num_classes) for row in pool.rows_of(k)[:ipc]]]


METHODS["first"] = Method("First", first, "baseline", "nothing", "none", "-")
"""
ROW = PLAN.split("[[line]]")
MINE = ROW[0] + "[[line]]" + ROW[2].replace("el2n", "first").replace('key = "easy"', 'key = "mine"')


def test_a_plan_of_ones_own_is_kept_in_its_folder_and_checked_by_its_history(
    tmp_path, fresh_home, capsys, monkeypatch
):
    """In a repository of its own, with a method that only a file knows, in two processes."""
    folder = tmp_path / "study"
    folder.mkdir()
    plan = folder / "plan.toml"
    plan.write_text(MINE)
    (folder / "mine.py").write_text(OWN)
    monkeypatch.setenv("RDC_USE", "")
    call = ["evidence", "--folder", str(folder), "--use", str(folder / "mine.py")]
    try:
        assert main(call) == 0
        said = capsys.readouterr()
        assert "mine (C5; priority 1): 0 of 8 rows" in said.out
        assert f"evidence: 0 of 1 lines complete in {folder}" in said.out
        assert f"{plan} is not in a git repository: commit it before rows are made" in said.err
        assert main([*call, "--check"]) == 2
        assert f"reads the plan's history, and {folder} has none" in capsys.readouterr().err
        git(plan, "init", "-q")
        first = commit(plan)
        assert main([*call, "--minutes", "5", "--workers", "2"]) == 0
        said = capsys.readouterr()
        assert said.err == ""
        assert "mine (C5; priority 1): done" in said.out
        assert "first - random: " in said.out
        rows = read_rows(folder / "campaign-tiny.csv")
        assert {state[: len(first)] for state in rows["plan_git"]} == {first}
        assert rows["code"].notna().tolist() == (rows["arm"] == "first").tolist()
        assert main([*call, "--check"]) == 0
        assert "mine: planned before its rows" in capsys.readouterr().out
        plan.write_text(MINE.replace("n = 4", "n = 3"))
        commit(plan)
        assert main([*call, "--check"]) == 1
        assert "mine: changed since" in capsys.readouterr().out
        assert main(call) == 0
        said = capsys.readouterr().out
        assert "another version" not in said
        assert "    changed since" in said  # beside the verdict
        (folder / "mine.py").write_text(OWN.replace("[:ipc]", "[-ipc:]"))
        assert main(call) == 0
        told = "rows of 'first' are by another version of your code than is here"
        assert told in capsys.readouterr().out
    finally:
        METHODS.pop("first", None)


def test_rows_that_are_older_than_a_plan_of_ones_own_are_told_whoever_wrote_them_down(
    tmp_path, fresh_home, capsys, monkeypatch
):
    """They were fetched, and passed for planned; and a later line accused those of an earlier."""
    folder = tmp_path / "study"
    folder.mkdir()
    plan = folder / "plan.toml"
    git(plan, "init", "-q")

    def committed(text, day):
        plan.write_text(text)
        when = f"2026-01-0{day}T12:00:00+00:00"
        monkeypatch.setenv("GIT_COMMITTER_DATE", when)
        commit(plan)

    second = PLAN.split("[[line]]")[2]
    call = ["evidence", "--folder", str(folder), "--line", "random"]
    committed(PLAN.replace("anchor = 50.0", "anchor = 40.0"), 1)
    monkeypatch.setattr(store, "now", lambda: "2026-01-02T00:00:00+00:00")
    assert main([*call, "--minutes", "5", "--workers", "1"]) == 0
    (folder / "campaign-tiny.csv").unlink()  # as benchmark would have made them
    committed(PLAN, 3)
    assert main([*call, "--minutes", "5", "--workers", "1"]) == 0
    capsys.readouterr()
    assert main([*call, "--check"]) == 1
    said = capsys.readouterr().out
    assert "'random' could be measured before it was planned" in said
    assert "3 of 3 rows are an earlier line's" in said
    # Rows of the line as it is, and other lines that came later.
    (folder / "campaign-tiny.csv").unlink()
    shutil.rmtree(runs_dir("train"))
    monkeypatch.setattr(store, "now", lambda: "2026-01-04T00:00:00+00:00")
    assert main([*call, "--minutes", "5", "--workers", "1"]) == 0
    (folder / "campaign-tiny.csv").unlink()
    committed(PLAN + "\n[[line]]" + second.replace('key = "easy"', 'key = "more"'), 5)
    assert main([*call, "--minutes", "5", "--workers", "1"]) == 0
    assert main([*call, "--check"]) == 0


def test_a_plan_of_ones_own_that_was_committed_after_its_rows_is_told(
    tmp_path, fresh_home, capsys, monkeypatch
):
    folder = tmp_path / "study"
    folder.mkdir()
    plan, other = folder / "plan.toml", folder / "notes"
    other.write_text("before")
    git(plan, "init", "-q")
    commit(plan)
    plan.write_text(PLAN)
    call = ["evidence", "--folder", str(folder), "--line", "random"]
    assert main([*call, "--minutes", "5", "--workers", "1"]) == 0
    assert "plan.toml has changes that are not committed" in capsys.readouterr().err
    commit(plan)
    assert main([*call, "--check"]) == 1
    assert "'random' could be measured before it was planned" in capsys.readouterr().out
    assert main(["evidence", "--folder", str(tmp_path / "nowhere")]) == 2
    assert "nowhere" in capsys.readouterr().err
