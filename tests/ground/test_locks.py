"""Locks: held by one process, freed with it, and told of."""

import errno
import multiprocessing
import os
import socket
import subprocess
import sys

import pytest

from rdc_kit.ground import files, locks

TAKE = """
import sys
from pathlib import Path
from rdc_kit.ground import files, locks
try:
    with locks.lock(Path(sys.argv[1]), "the set"):
        print("held", flush=True)
        sys.stdin.read()
except locks.Locked as error:
    print(error)
"""


def test_another_process_is_told_who_holds_the_lock(tmp_path):
    command = [sys.executable, "-c", TAKE, str(tmp_path)]
    with locks.lock(tmp_path, "mine"):
        told = subprocess.run(command, capture_output=True, text=True, input="").stdout
    assert told.startswith(f"the set is being worked on by process {os.getpid()} on ")
    assert not (tmp_path / "holder.json").exists()
    with locks.lock(tmp_path, "mine again"):
        pass


def test_the_lock_of_a_killed_process_is_free(tmp_path):
    command = [sys.executable, "-c", TAKE, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(locks.Locked, match=f"process {process.pid} "):
            locks.lock(tmp_path, "the set").__enter__()
        process.kill()
        process.wait()
    with locks.lock(tmp_path, "the set"):
        assert files.read_json(tmp_path / "holder.json")["pid"] == os.getpid()


def test_who_waits_long_for_another_process_says_so(tmp_path):
    wait = TAKE.replace('"the set")', '"the set", True)')
    wait = wait.replace("try:", "locks._PATIENCE = 0.1\ntry:")
    with locks.lock(tmp_path, "mine"):
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
    with locks.lock(folder, "the set", wait=True):
        held.set()
        seen.wait(30)


def test_who_shares_the_work_waits_in_silence(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(locks, "_PATIENCE", 0.1)
    context = multiprocessing.get_context("spawn")
    held, seen = context.Event(), context.Event()
    sibling = context.Process(target=hold, args=(tmp_path, held, seen))
    sibling.start()
    assert held.wait(60)
    acquired, waits = locks._acquired, []

    def patient(path, seconds):
        waits.append(seconds)
        if seconds < 0:  # it has waited for as long as it would without a word
            seen.set()
        return acquired(path, seconds)

    monkeypatch.setattr(locks, "_acquired", patient)
    with locks.lock(tmp_path, "the set", wait=True):
        assert waits == [0.1, -1]
    sibling.join(30)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, 0])
def test_a_disk_without_locks_is_said(tmp_path, monkeypatch, number):
    """Those whose locks fail, and one that grants every lock to everybody."""

    def lock(handle, how):
        if number:
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", lock)
    with pytest.raises(OSError, match=r"files cannot be locked.*set RDC_HOME"):
        locks.lock(tmp_path, "the set").__enter__()


@pytest.mark.parametrize("host", ["this", "another-host"])
def test_who_held_a_lock_and_is_gone_does_not_hold_it(tmp_path, capsys, host):
    """A process of another host cannot be seen: that is said, and so is what it may mean."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    (tmp_path / ".lock").touch()
    record = {"pid": child.pid, "host": socket.gethostname() if host == "this" else host}
    files.write_json(tmp_path / "holder.json", record)
    with locks.lock(tmp_path, "the set"):
        assert files.read_json(tmp_path / "holder.json")["pid"] == os.getpid()
        files.write_json(tmp_path / "holder.json", record)
        told = "process [?] on [?]" if host == "this" else f"process {child.pid} on another-host"
        with pytest.raises(locks.Locked, match=told):  # nobody who is dead is named
            locks.lock(tmp_path, "the set").__enter__()
    said = capsys.readouterr().err
    assert ("cannot be seen from here" in said) == (host != "this")
    assert not (tmp_path / "holder.json").exists()
