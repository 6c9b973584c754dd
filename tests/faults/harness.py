"""The n-th file operation of an act fails, or the process dies at it; n rises until none is left.

An act runs in a process of its own, forked from one that has done it before. Python tells an
audit hook of every file that is opened, renamed or removed; the hook makes the n-th of them fail.
What lies on the disk is then looked at, and the same act is done again, undisturbed: it must end as
if nothing had happened.
"""

from __future__ import annotations

import errno
import gc
import os
import resource
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rdc_kit.data.imagesets import DataError

KINDS = ("no space", "no permission", "interrupted", "disk full", "killed")
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link"}
_CHANGES |= {"shutil.rmtree"}  # as one operation: what it removes it names without a folder


@dataclass(frozen=True)
class Act:
    """Something that writes files.

    Attributes:
        name: in the table.
        prepare: makes what is there before; called with an empty home.
        do: the act; returns a text that tells its result.
        look: fails unless what is on the disk is old or new.
    """

    name: str
    prepare: Callable[[Path], None]
    do: Callable[[Path], str]
    look: Callable[[Path], None]


@dataclass(frozen=True)
class Fault:
    """What happens at the n-th operation: once, or from then on."""

    kind: str
    onwards: bool
    n: int


def faults(kinds: tuple[str, ...] = KINDS) -> list[tuple[str, bool]]:
    """Kind, and whether it stays; a full disk stays full, and nobody dies twice."""
    both = {"no space": (False, True), "no permission": (False, True), "disk full": (True,)}
    return [(kind, onwards) for kind in kinds for onwards in both.get(kind, (False,))]


class Counter:
    """Counts the file operations below a folder, and makes one fail."""

    def __init__(self, root: Path, fault: Fault | None) -> None:
        self.root, self.fault, self.count, self.reached = str(root), fault, 0, False
        self._fsync = os.fsync
        os.fsync = self._flush
        sys.addaudithook(self.heard)

    def _flush(self, handle: int) -> None:
        self._operation()
        self._fsync(handle)

    def heard(self, event: str, values: tuple[Any, ...]) -> None:
        """The audit hook."""
        writes = event == "open" and _is_writing(values[1], values[2])
        if (writes or event in _CHANGES) and str(values[0]).startswith(self.root):
            self._operation()

    def _operation(self) -> None:
        self.count += 1
        fault = self.fault
        if fault is None or self.count < fault.n or (self.count > fault.n and not fault.onwards):
            return
        self.reached = True
        if fault.kind == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if fault.kind == "interrupted":
            raise KeyboardInterrupt
        if fault.kind == "disk full":  # not a byte more, in any library
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
            return
        number = errno.ENOSPC if fault.kind == "no space" else errno.EACCES
        raise OSError(number, os.strerror(number), self.root)


def _is_writing(mode: Any, flags: Any) -> bool:
    if isinstance(mode, str):
        return any(letter in mode for letter in "wax+")
    return isinstance(flags, int) and bool(flags & _WRITES)


def in_child(work: Callable[[], int]) -> tuple[int, str]:
    """Exit status of some work in a forked process (negative: a signal), and what it said."""
    sys.stdout.flush()
    sys.stderr.flush()
    ours, theirs = os.pipe()  # a pipe: it takes words on a full disk too
    gc.freeze()  # or the child's collector would touch, and so copy, all of our memory
    child = os.fork()
    if child == 0:
        code = 99
        try:
            for number in (1, 2):
                os.dup2(theirs, number)
            os.close(ours)
            os.close(theirs)
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            code = work()
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    gc.unfreeze()
    os.close(theirs)
    with open(ours, errors="replace") as heard:
        said = heard.read()
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), said


class Bench:
    """Where one act is tried: a template of its home, and its undisturbed result."""

    def __init__(self, act: Act, folder: Path) -> None:
        self.act, self.template = act, folder / f"{act.name}-before"
        self.home = folder / act.name
        self.template.mkdir(parents=True)
        self._must(self._prepare)
        self._fresh()
        act.do(self.home)  # here too: what it imports and prepares no child has to do again
        self.expected = self._result()

    def _prepare(self) -> int:
        os.environ["RDC_HOME"] = str(self.home)
        self.home.mkdir()
        self.act.prepare(self.home)
        shutil.rmtree(self.template)
        shutil.copytree(self.home, self.template, symlinks=True)
        shutil.rmtree(self.home)
        return 0

    def _must(self, work: Callable[[], int]) -> None:
        code, said = in_child(work)
        if code:
            raise AssertionError(f"{self.act.name} fails undisturbed: {said[-2000:]}")

    def _fresh(self) -> None:
        shutil.rmtree(self.home, ignore_errors=True)
        shutil.copytree(self.template, self.home, symlinks=True)
        os.environ["RDC_HOME"] = str(self.home)

    def _result(self) -> str:
        """What the undisturbed act ends with."""
        self._fresh()
        answer = self.home.with_name("answer")
        self._must(lambda: answer.write_text(self.act.do(self.home)) and 0)
        return answer.read_text()

    def disturbed(self, fault: Fault) -> tuple[bool, str]:
        """Whether the fault came, and what was lost ("" for nothing)."""
        self._fresh()

        def work() -> int:
            counter = Counter(self.home, fault)
            try:
                self.act.do(self.home)
            except (OSError, DataError, KeyboardInterrupt):
                return 3
            return 0 if counter.reached else 7

        code, said = in_child(work)
        if code == 7:
            return False, ""
        if code not in (0, 3, -signal.SIGKILL):
            return True, f"ended with {code}: {said[-800:]}"
        return True, self._lost()

    def _lost(self) -> str:
        answer = self.home.with_name("answer")

        def again() -> int:
            self.act.look(self.home)
            answer.write_text(self.act.do(self.home))
            self.act.look(self.home)
            return 0

        code, said = in_child(again)
        if code:
            return f"the next call fails: {said[-800:]}"
        if (found := answer.read_text()) != self.expected:
            return f"the next call ends with {found[:200]}, not {self.expected[:200]}"
        return ""


def campaign(
    bench: Bench, kinds: tuple[str, ...] = KINDS, every: int = 1
) -> Iterator[dict[str, Any]]:
    """A row for each kind of fault: how often it was tried, what was lost and where first.

    Args:
        bench: of the act that is disturbed.
        kinds: of KINDS.
        every: only each so many operations, for a quick look.
    """
    for kind, onwards in faults(kinds):
        tried, lost, n = 0, [], 1
        while True:
            reached, what = bench.disturbed(Fault(kind, onwards, n))
            if not reached:
                break
            tried += 1
            lost += [f"operation {n}: {what}"] if what else []
            n += every
        named = f"{kind}, from then on" if onwards else f"{kind}, once"
        first = lost[0] if lost else ""
        yield {"act": bench.act.name, "fault": named, "tried": tried, "lost": len(lost)} | {
            "first": first
        }
