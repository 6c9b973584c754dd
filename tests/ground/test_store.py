"""Files that are whole or absent, cached runs, locks."""

import errno
import multiprocessing
import os
import re
import shutil
import socket
import subprocess
import sys
from importlib import metadata

import numpy as np
import pytest

from rdc_kit.ground import files, store


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
    told = pytest.raises(store.Locked, match="is being worked on by process")
    with store.lock(home, "other"), told:
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


TAKE = """
import sys
from pathlib import Path
from rdc_kit.ground import files, store
try:
    with store.lock(Path(sys.argv[1]), "the set"):
        print("held", flush=True)
        sys.stdin.read()
except store.Locked as error:
    print(error)
"""


def test_another_process_is_told_who_holds_the_lock(tmp_path):
    command = [sys.executable, "-c", TAKE, str(tmp_path)]
    with store.lock(tmp_path, "mine"):
        told = subprocess.run(command, capture_output=True, text=True, input="").stdout
    assert told.startswith(f"the set is being worked on by process {os.getpid()} on ")
    assert not (tmp_path / "holder.json").exists()
    with store.lock(tmp_path, "mine again"):
        pass


def test_the_lock_of_a_killed_process_is_free(tmp_path):
    command = [sys.executable, "-c", TAKE, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(store.Locked, match=f"process {process.pid} "):
            store.lock(tmp_path, "the set").__enter__()
        process.kill()
        process.wait()
    with store.lock(tmp_path, "the set"):
        assert files.read_json(tmp_path / "holder.json")["pid"] == os.getpid()


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


def test_who_waits_long_for_another_process_says_so(tmp_path):
    wait = TAKE.replace('"the set")', '"the set", True)')
    wait = wait.replace("try:", "store._PATIENCE = 0.1\ntry:")
    with store.lock(tmp_path, "mine"):
        command = [sys.executable, "-c", wait, str(tmp_path)]
        waiting = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        said = waiting.stderr.readline()
    assert said.startswith(f"waiting: the set is being worked on by process {os.getpid()} on ")
    assert waiting.communicate("")[0] == "held\n"


def hold(folder, held, seen):
    with store.lock(folder, "the set", wait=True):
        held.set()
        seen.wait(30)


def test_who_shares_the_work_waits_in_silence(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(store, "_PATIENCE", 0.1)
    context = multiprocessing.get_context("spawn")
    held, seen = context.Event(), context.Event()
    sibling = context.Process(target=hold, args=(tmp_path, held, seen))
    sibling.start()
    assert held.wait(60)
    acquired, waits = store._acquired, []

    def patient(path, seconds):
        waits.append(seconds)
        if seconds < 0:  # it has waited for as long as it would without a word
            seen.set()
        return acquired(path, seconds)

    monkeypatch.setattr(store, "_acquired", patient)
    with store.lock(tmp_path, "the set", wait=True):
        assert waits == [0.1, -1]
    sibling.join(30)
    assert capfd.readouterr().err == ""


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


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, 0])
def test_a_disk_without_locks_is_said(tmp_path, monkeypatch, number):
    """Those whose locks fail, and one that grants every lock to everybody."""

    def lock(handle, how):
        if number:
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", lock)
    with pytest.raises(OSError, match=r"files cannot be locked.*set RDC_HOME"):
        store.cached(tmp_path, {"a": 1}, kept)


@pytest.mark.parametrize("host", ["this", "another-host"])
def test_who_held_a_lock_and_is_gone_does_not_hold_it(tmp_path, capsys, host):
    """A process of another host cannot be seen: that is said, and so is what it may mean."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    (tmp_path / ".lock").touch()
    record = {"pid": child.pid, "host": socket.gethostname() if host == "this" else host}
    files.write_json(tmp_path / "holder.json", record)
    with store.lock(tmp_path, "the set"):
        assert files.read_json(tmp_path / "holder.json")["pid"] == os.getpid()
        files.write_json(tmp_path / "holder.json", record)
        told = "process [?] on [?]" if host == "this" else f"process {child.pid} on another-host"
        with pytest.raises(store.Locked, match=told):  # nobody who is dead is named
            store.lock(tmp_path, "the set").__enter__()
    said = capsys.readouterr().err
    assert ("cannot be seen from here" in said) == (host != "this")
    assert not (tmp_path / "holder.json").exists()


def test_versions_are_told_in_one_line():
    told = dict(word.split("=") for word in store.versions_in_words().split(" "))
    assert told == store.versions()
    assert told["torch"] == metadata.version("torch")
