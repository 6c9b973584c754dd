"""Work that is kept: made once, checked when fetched, named by all it depends on."""

import multiprocessing
import os
import re
import shutil
import subprocess
from importlib import metadata

import numpy as np
import pytest

from rdc_kit.ground import files, locks, store


def _count_call(home):
    with (home.parent / "calls").open("a") as file:
        file.write("x")
    return {"value": 1}


def _cached_call(folder):
    store.cached(folder, {"a": 1}, _count_call)


def test_two_processes_make_a_run_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_cached_call, args=(tmp_path,)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(300)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert (tmp_path / "calls").read_text() == "x"


def test_a_run_that_dies_leaves_no_result(tmp_path):
    def dies(home):
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        store.cached(tmp_path, {"a": 1}, dies)
    home = store.cached(tmp_path, {"a": 1}, lambda home: 7)
    assert store.result_of(home) == 7
    assert store.cached(tmp_path, {"a": 1}, dies) == home


def test_a_caller_that_does_not_wait_is_told_who_holds_a_run(tmp_path):
    home = tmp_path / store.config_hash({"a": 1})
    told = pytest.raises(locks.Locked, match="is being worked on by process")
    with locks.lock(home, "other"), told:
        store.cached(tmp_path, {"a": 1}, lambda home: 1, wait=False)
    assert store.cached(tmp_path, {"a": 1}, lambda home: 1, wait=False) == home


def test_the_hash_ignores_the_order_of_keys_and_nothing_else(monkeypatch):
    one = store.config_hash({"a": 1, "b": {"c": 2, "d": [3, 4]}})
    assert one == store.config_hash({"b": {"d": [3, 4], "c": 2}, "a": 1})
    assert re.fullmatch(r"[0-9a-f]{16}", one)
    others = [
        {"a": 2, "b": {"c": 2, "d": [3, 4]}},
        {"a": 1, "b": {"c": 2, "d": [4, 3]}},
        {"a": "1", "b": {"c": 2, "d": [3, 4]}},
        {"a": 1, "c": {"c": 2, "d": [3, 4]}},
    ]
    assert len({one, *map(store.config_hash, others)}) == 5
    assert store.config_hash({"a": np.int64(1), "b": {"c": np.uint8(2), "d": [3, 4]}}) == one
    monkeypatch.setattr(store, "FORMAT", store.FORMAT + 1)
    assert store.config_hash({"a": 1, "b": {"c": 2, "d": [3, 4]}}) != one


def test_a_cached_result_is_made_once_for_each_config(tmp_path):
    made = []

    def make(home):
        made.append(home)
        return {"value": len(made)}

    homes = [
        store.cached(tmp_path, config, make)
        for config in ({"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 1, "b": 3})
    ]
    assert [store.result_of(home)["value"] for home in homes] == [1, 1, 2]
    first, second = made
    assert first.name == store.config_hash({"a": 1, "b": 2})
    assert files.read_json(first / "config.json") == {"a": 1, "b": 2}
    assert files.read_json(second / "config.json") == {"a": 1, "b": 3}


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_the_state_of_git_is_the_commit_and_whether_files_differ(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "checkout", lambda: tmp_path)
    monkeypatch.setattr(store, "_states", {})
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert store.git_state() == ""
    (tmp_path / "file").write_text("one")
    who = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], ["add", "file"], [*who, "commit", "-qm", "first"]):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    monkeypatch.setenv("RDC_COMMIT", "0123456789ab")  # for a copy without history, and this is none
    clean = store.git_state()
    assert re.fullmatch(r"[0-9a-f]{12}", clean)
    assert clean != "0123456789ab"
    (tmp_path / "file").write_text("other")
    assert store.git_state() == clean  # the code that runs is the one that was there at first
    store._states.clear()
    assert store.git_state() == f"{clean}-dirty"
    (tmp_path / "data/evidence").mkdir(parents=True)
    for name in ("file", "data/evidence/campaign-a.csv", "data/evidence/again-a.csv"):
        (tmp_path / name).write_text("one")
    for command in (["add", "."], [*who, "commit", "-qm", "second"]):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    for name in ("campaign-a.csv", "again-a.csv"):
        (tmp_path / "data/evidence" / name).write_text("rows that are being made")
    store._states.clear()
    assert re.fullmatch(r"[0-9a-f]{12}", store.git_state())
    store._states.clear()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert store.git_state() == "0123456789ab"  # git is missing
    monkeypatch.setattr(store, "checkout", lambda: None)
    assert store.git_state() == "0123456789ab"


def test_when_work_was_finished_is_known(tmp_path):
    before = files.now()
    home = store.cached(tmp_path, {"a": 1}, lambda home: 3)
    copied = shutil.copytree(home, tmp_path / "copied")
    os.utime(copied / "result.json", (0, 0))
    assert before <= store.finished_at(copied) <= files.now()
    assert store.finished_at(tmp_path / "none") == ""
    older = files.read_json(home / "result.json")
    older.pop("finished")
    files.write_json(home / "result.json", older)
    assert (store.finished_at(home), store.result_of(home)) == ("", 3)


def test_what_was_set_aside_is_no_part_of_the_work(tmp_path):
    """To delete it made the work begin anew."""
    made = []

    def make(home):
        made.append(home)
        (home / "weights.npz").write_bytes(b"whole")

    home = store.cached(tmp_path, {"a": 1}, make)
    (home / "weights.npz").write_bytes(b"hal")
    store.cached(tmp_path, {"a": 1}, make)
    aside = [p for p in home.iterdir() if p.suffix == ".damaged"]
    assert "weights.npz.damaged" in {p.name for p in aside}
    for path in aside:
        path.unlink()
    store.cached(tmp_path, {"a": 1}, make)
    assert len(made) == 2


def kept(home):
    (home / "weights.bin").write_bytes(bytes(range(256)) * 40)
    (home / "checkpoint.npz").write_bytes(b"passing")
    return {"top1": 61.25, "per_class": [1, 2.5]}


@pytest.mark.parametrize("harm", ["empty", "cut", "flip", "gone"])
@pytest.mark.parametrize("name", ["result.json", "weights.bin"])
def test_finished_work_that_was_damaged_is_set_aside_and_made_again(tmp_path, capsys, name, harm):
    calls = []

    def make(home):
        calls.append(home)
        return kept(home)

    home = store.cached(tmp_path, {"a": 1}, make)
    path = home / name
    content = path.read_bytes()
    flipped = content.replace(b"61.25", b"71.25") if name == "result.json" else b"x" + content[1:]
    assert flipped != content
    path.write_bytes({"empty": b"", "cut": content[:-9], "flip": flipped}.get(harm, content))
    if harm == "gone":
        path.unlink()
    assert store.cached(tmp_path, {"a": 1}, make) == home
    assert len(calls) == 2
    assert store.result_of(home) == {"top1": 61.25, "per_class": [1, 2.5]}
    assert path.read_bytes() == content
    if (name, harm) != ("result.json", "gone"):
        assert "is damaged" in capsys.readouterr().err


def test_a_changed_number_is_never_read(tmp_path):
    home = store.cached(tmp_path, {"a": 1}, kept)
    path = home / "result.json"
    path.write_text(path.read_text().replace("61.25", "71.25"))
    assert not store.is_done(home)
    assert store.result_of(home) is None


def test_results_of_other_versions_are_made_again(tmp_path, capsys):
    home = tmp_path / store.config_hash({"a": 1})
    home.mkdir()
    (home / "result.json").write_text('{"top1": 3}')
    store.cached(tmp_path, {"a": 1}, kept)
    assert store.result_of(home)["top1"] == 61.25
    assert "not in the form of this version" in capsys.readouterr().err


def test_versions_are_told_in_one_line():
    told = dict(word.split("=") for word in store.versions_in_words().split(" "))
    assert told == store.versions()
    assert told["torch"] == metadata.version("torch")
