"""The command line: `rdc VERB`, the same as `python -m rdc_kit VERB`.

Every verb prints one line of verdict last. Exit status 0: the work was done; 1: it failed; 2: wrong
usage; 3: another process is doing this very work; 143: SIGTERM ended it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from .commands.options import SPEED_JOBS, SPEED_TABLES, check_unused, parser

Verb = Callable[[argparse.Namespace], int | None]  # to an exit status, where it is not always 0


def _calls(place: str, words: str = "") -> Verb:
    """A verb that is one function of `commands`, imported late; `words`: its options, in order."""
    module, _, name = place.rpartition(".")

    def call(options: argparse.Namespace) -> int | None:
        function = getattr(import_module(f"rdc_kit.commands.{module}"), name)
        return function(*_picked(options, words).values())

    return call


def _picked(options: argparse.Namespace, words: str) -> dict[str, Any]:
    """Some of the options, by their names."""
    return {word: getattr(options, word) for word in words.split()}


def _doctor(options: argparse.Namespace) -> int:
    from .commands.doctor import doctor, doctor_data

    if not options.about:
        check_unused(options, "doctor without `data NAME`", ["size", "all"])
        return doctor()
    if len(options.about) != 2 or options.about[0] != "data":
        raise ValueError("doctor looks at this machine, or with `doctor data NAME` at a dataset")
    return doctor_data(options.about[1], options.size, options.all)


def _compress(options: argparse.Namespace) -> None:
    from .commands.sets import save_set

    words, given = " ".join(options.method), _picked(options, "seed size device on_bad")
    save_set(words, options.dataset, options.ipc, options.out, **given)


def _score(options: argparse.Namespace) -> None:
    from .commands.sets import collect_scores, save_scores

    given = _picked(options, "size on_bad")
    if options.collect:
        check_unused(options, "score --collect", ["out", "epochs", "seed", "device"])
        collect_scores(options.dataset, options.collect, **given)
        return
    given |= {"epochs": options.epochs, "seeds": options.seed, "device": options.device}
    name = options.dataset.replace(":", "-").replace("/", "-")
    save_scores(options.dataset, options.out or Path(f"scores-{name}.parquet"), **given)


def _select(options: argparse.Namespace) -> None:
    from .commands.sets import save_selection

    given = _picked(options, "metric ipc order skip seed size on_bad")
    save_selection(options.dataset, options.scores, options.out, **given)


def _run(options: argparse.Namespace) -> int:
    from .commands.given import named_once
    from .commands.run import run_notebook

    given = named_once(options.parameter)
    return run_notebook(options.notebook, given, options.timeout, options.workers)


def _study(options: argparse.Namespace) -> int:
    from .commands.given import named_once
    from .commands.study import run_all

    given = named_once(options.parameter)
    for name in given.keys() & {"dataset", "profile"}:
        check_unused(options, f"study with -p {name}", [name])
    given = {"dataset": options.dataset, "profile": options.profile} | given
    return run_all(given, options.timeout, workers=options.workers)


def _speed(options: argparse.Namespace) -> None:
    job = next((name for name in SPEED_JOBS if name and getattr(options, name)), "")
    others = dict.fromkeys(name for names in SPEED_JOBS.values() for name in names)
    what = f"speed --{job}" if job else "speed without --grid"
    check_unused(options, what, [name for name in others if name not in SPEED_JOBS[job]])
    if options.out:
        from .ground.places import check_table

        check_table(options.out, SPEED_TABLES[job])
    told = _picked(options, " ".join([*SPEED_JOBS[job], "out"]))
    given = {name: value for name, value in told.items() if value is not None}
    first = [options.grid] if job == "grid" else []
    name = f"speed_{job}" if job else "speed"
    module = import_module(f"rdc_kit.commands.{name}")  # each has one function of its own name
    getattr(module, name)(*first, **given)


def _evidence(options: argparse.Namespace) -> int:
    from .commands.evidence import evidence

    given = _picked(options, "workers check again ask folder")
    return evidence(options.minutes, keys=options.line, **given)


def _benchmark(options: argparse.Namespace) -> None:
    from .commands.benchmark import benchmark, chosen_protocols

    wanted = chosen_protocols(options.labels, options.protocols, options.epochs)
    names = "students seeds size frozen teacher teacher_epochs iterations device on_bad workers"
    names += " plan_only out"
    given = _picked(options, names)
    benchmark(options.dataset, options.methods, options.ipc, wanted, **given)


ACTIONS: dict[str, Verb] = {
    "doctor": _doctor,
    "methods": _calls("sets.list_methods"),
    "compress": _compress,
    "score": _score,
    "select": _select,
    "publish": _calls("publish.publish", "set folder license results"),
    "notebooks": _calls("notebooks.hand_out", "folder solved"),
    "run": _run,
    "study": _study,
    "runs": _calls("reports.list_runs"),
    "gallery": _calls("gallery.gallery", "out dataset"),
    "claims": _calls("reports.print_ledger", "results into"),
    "figures": _calls("reports.remake_figures", "results out"),
    "book": _calls("book.build.book", "out dataset"),
    "benchmark": _benchmark,
    "speed": _speed,
    "evidence": _evidence,
    "gpu": _calls("gpu.gpu", "minutes out"),
}


def _where_to_start() -> int:
    from .ground.names import command

    print("rdc needs a verb. To begin:", file=sys.stderr)
    for words, what in (
        ("doctor", "does this machine have all it takes?"),
        ("study", "every notebook on bundled digits: executed copies, tables, figures"),
        ("notebooks my-study", "the notebooks in a folder of your own, for JupyterLab"),
        ("compress pca --ipc 10 --out data/pca-10", "one small set"),
        ("--help", "all verbs"),
    ):
        print(f"  {command(words)}\n      {what}", file=sys.stderr)
    return 2


def _memory_error(error: RuntimeError, options: argparse.Namespace) -> str:
    """What a GPU had no room for, and what to do about it."""
    asked = re.search(r"Tried to allocate ([\d.]+ \w+)", str(error))
    what = f" for {asked[1]} more" if asked else ""
    fewer = "use --workers 1, or " if hasattr(options, "workers") else "use "
    remedy = f"{fewer}a smaller size, batch or network"
    return f"the GPU has no room{what}: {remedy}; the same call goes on from what is there"


def _disk_error(error: OSError) -> str:
    from .commands.run import disk_error

    return disk_error(error)


def _use(paths: list[str]) -> None:
    """Run files of one's own."""
    if paths:
        from .using import use  # late: it needs every registry

        for path in paths:
            use(path)


@contextlib.contextmanager
def _sigterm_interrupts() -> Iterator[list[int]]:
    """Meanwhile SIGTERM, as batch systems send it, ends the work as Ctrl-C does; a second one, now.

    It is yielded when it came. Processes that are started have the system's own handling.
    """
    came: list[int] = []

    def interrupt(number: int, frame: Any) -> None:
        came.append(number)
        signal.signal(number, signal.SIG_DFL)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield came
    finally:
        signal.signal(signal.SIGTERM, before)


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; returns the exit status."""
    options = parser().parse_args(arguments)
    if options.verb is None:
        return _where_to_start()
    with _sigterm_interrupts() as came:
        try:
            return _status_of(options)
        except KeyboardInterrupt:
            print(f"{options.verb}: stopped; the same call continues it", file=sys.stderr)
            return 128 + came[0] if came else 1


def _status_of(options: argparse.Namespace) -> int:
    """Run a verb; what it raises, but for an interrupt, becomes a line and an exit status."""
    from torch import OutOfMemoryError

    from .ground.locks import Locked
    from .ground.own import use_told, where
    from .train.training import Diverged

    try:
        use_told()
        _use(getattr(options, "use", []))
        return ACTIONS[options.verb](options) or 0
    except BrokenPipeError:  # `rdc claims | head`: who reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Locked as error:
        print(f"{options.verb}: {error}", file=sys.stderr)
        return 3
    except (Diverged, OutOfMemoryError) as error:
        told = error if isinstance(error, Diverged) else _memory_error(error, options)
        print(f"{options.verb}: {told}", file=sys.stderr)
        return 1
    except (ValueError, TypeError, FileExistsError) as error:
        said = _disk_error(error) if isinstance(error, OSError) else error
        print(f"{options.verb}: {where(error)}{said}", file=sys.stderr)
        return 2
    except (IsADirectoryError, NotADirectoryError) as error:
        print(f"{options.verb}: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{options.verb}: {_disk_error(error)}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
