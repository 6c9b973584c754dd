"""Processes beside this one: started with what they are to do, and missed if they die."""

from __future__ import annotations

import contextlib
import multiprocessing
import pickle
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any

from ...ground import store
from ...ground.own import use_contents, used


def start_processes(
    target: Callable[..., None], work: object, rest: Sequence[tuple[Any, ...]]
) -> list[SpawnProcess]:
    """Start a process for each of `rest`, which ends with this one.

    Args:
        target: what each process calls, a function of a module. work: its first argument, of any
            size. rest: its other arguments, small ones.

    Returns:
        The processes; one that died while it started is among them.
    """
    if not rest:
        return []
    # As bytes, for tensors would travel through shared memory, of which a container has little.
    # The work by itself, for it may hold what a used file defines.
    told = pickle.dumps((store.git_state(), used(), pickle.dumps(work)))
    context = multiprocessing.get_context("spawn")
    writers, processes = list[Connection](), list[SpawnProcess]()
    for more in rest:
        # A pipe of our own, whose reader is closed here: through Python's, whose reader stays open,
        # more than some 64 kB would wait for ever for a process that dies before it has read them.
        reader, writer = context.Pipe(duplex=False)
        process = context.Process(target=_begin, args=(target, reader, *more), daemon=True)
        with _ctrl_c_waits():
            process.start()
        reader.close()
        writers.append(writer)
        processes.append(process)
    for writer in writers:
        with writer, contextlib.suppress(BrokenPipeError):  # nobody is there to read
            writer.send_bytes(told)
    return processes


@contextlib.contextmanager
def _ctrl_c_waits() -> Iterator[None]:
    """Meanwhile Ctrl-C waits; in a process that is started then, until it says otherwise."""
    resource_tracker.ensure_running()  # it starts with the first process, and would end the waiting
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(target: Callable[..., None], reader: Connection, *more: Any) -> None:
    """What a process does first, and what it is there for; Ctrl-C ends it without a traceback."""
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        target(_received(reader), *more)
    except KeyboardInterrupt:
        sys.exit(130)


def _received(reader: Connection) -> Any:
    """Its work, once it knows its rows' commit and what its starter uses; no bytes of it remain."""
    with reader:
        state, contents, work = pickle.loads(reader.recv_bytes())
    store.begin_at(state)
    use_contents(contents)
    return pickle.loads(work)


def stop_processes(processes: Sequence[SpawnProcess]) -> None:
    """End processes now, whatever they are doing."""
    for process in processes:
        process.terminate()
    for process in processes:
        process.join()


def check_guard() -> None:
    """Refuse to work in a process that is only being started, and runs a script's top for that.

    Raises:
        RuntimeError: the script's calls stand outside of `if __name__ == "__main__":`.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise RuntimeError(
            "each worker runs the top of your script while it starts, so a grid that is called "
            'there would begin once more: put the calls under `if __name__ == "__main__":`'
        )
