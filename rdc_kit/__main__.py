"""The command line: `rdc VERB`, the same as `python -m rdc_kit VERB`.

Every verb prints one line of verdict last. Exit status 0: the work was done; 1: it failed; 2: wrong
usage; 3: another process is doing this very work.
"""

from __future__ import annotations

import argparse
import errno
import math
import os
import sys
from collections.abc import Callable
from pathlib import Path

from .commands.options import benchmark_options, shelf_options, speed_options

EXAMPLES = {
    "doctor": "rdc doctor",
    "methods": "rdc methods",
    "compress": "rdc compress pca --dataset digits --ipc 10 --out data/pca-10",
    "score": "rdc score --dataset digits --seed 0 1 --out data/scores.parquet",
    "select": "rdc select --scores data/scores.parquet --dataset digits --ipc 10 --out data/easy",
    "publish": "rdc publish data/easy data/for-the-hub --license cc-by-4.0",
    "notebooks": "rdc notebooks my-study",
    "run": "rdc run notebooks/00_start_here.ipynb -p dataset imagenette -p ipc 10",
    "study": "rdc study --dataset digits --profile small",
    "runs": "rdc runs",
    "gallery": "rdc gallery --dataset digits",
    "claims": "rdc claims --results evidence",
    "figures": "rdc figures --results evidence --out figures/evidence/paper",
    "book": "rdc book --out data/book",
    "benchmark": "rdc benchmark --dataset digits --methods all --ipc 1 10 --labels hard soft "
    "--seeds 3",
    "speed": "rdc speed --size 64",
    "gpu": "rdc gpu --minutes 25",
    "evidence": "rdc evidence --minutes 60",
}


def _doctor(options: argparse.Namespace) -> int:
    from .commands.doctor import doctor, doctor_data

    if not options.about:
        return doctor()
    if len(options.about) != 2 or options.about[0] != "data":
        raise ValueError("doctor looks at this machine, or with `doctor data NAME` at a dataset")
    return doctor_data(options.about[1], options.size)


def _methods(options: argparse.Namespace) -> int:
    from .commands.sets import list_methods

    return list_methods()


def _compress(options: argparse.Namespace) -> int:
    from .commands.sets import save_set

    given = {key: getattr(options, key) for key in ("seed", "size", "device", "on_bad")}
    return save_set(options.method, options.dataset, options.ipc, options.out, **given)


def _score(options: argparse.Namespace) -> int:
    from .commands.sets import collect_scores, save_scores

    given = {key: getattr(options, key) for key in ("size", "on_bad")}
    if options.collect:
        return collect_scores(options.dataset, options.collect, **given)
    given |= {"epochs": options.epochs, "seeds": options.seed, "device": options.device}
    name = options.dataset.replace(":", "-").replace("/", "-")
    return save_scores(options.dataset, options.out or Path(f"scores-{name}.parquet"), **given)


def _select(options: argparse.Namespace) -> int:
    from .commands.sets import save_selection

    names = ("metric", "ipc", "order", "skip", "seed", "size", "on_bad")
    given = {key: getattr(options, key) for key in names}
    return save_selection(options.dataset, options.scores, options.out, **given)


def _publish(options: argparse.Namespace) -> int:
    from .commands.publish import publish

    return publish(options.set, options.folder, options.license, options.results)


def _notebooks(options: argparse.Namespace) -> int:
    from .commands.notebooks import hand_out

    return hand_out(options.folder, options.solved)


def _run(options: argparse.Namespace) -> int:
    from .commands.run import run_notebook

    given = dict(options.parameter)
    return run_notebook(options.notebook, given, options.timeout, options.workers)


def _study(options: argparse.Namespace) -> int:
    from .commands.study import run_all

    given = {"dataset": options.dataset, "profile": options.profile, **dict(options.parameter)}
    return run_all(given, options.timeout, workers=options.workers)


def _runs(options: argparse.Namespace) -> int:
    from .commands.reports import list_runs

    return list_runs()


def _claims(options: argparse.Namespace) -> int:
    from .commands.reports import print_ledger

    return print_ledger(options.results, options.into)


def _figures(options: argparse.Namespace) -> int:
    from .commands.reports import remake_figures

    return remake_figures(options.results, options.out)


def _gallery(options: argparse.Namespace) -> int:
    from .commands.gallery import gallery

    return gallery(options.out, options.dataset)


def _book(options: argparse.Namespace) -> int:
    from .commands.book.build import book

    return book(options.out, options.dataset)


def _speed(options: argparse.Namespace) -> int:
    if options.grid:
        from .commands.speed_grid import speed_grid

        return speed_grid(options.grid, runs=options.runs, workers=options.workers, out=options.out)
    if options.neighbour:
        from .commands.speed_neighbour import speed_neighbour

        return speed_neighbour(rounds=options.rounds, out=options.out)
    if options.growth:
        from .commands.speed_growth import speed_growth

        return speed_growth(rounds=options.rounds, out=options.out)
    if options.explorers:
        from .commands.speed_explorers import speed_explorers

        return speed_explorers(options.size or 224, rounds=options.rounds, out=options.out)
    from .commands.speed import speed

    given = {key: getattr(options, key) for key in ("batch", "rounds", "device", "out")}
    return speed(options.dataset, options.size or 64, options.student, **given)


def _gpu(options: argparse.Namespace) -> int:
    from .commands.gpu import gpu

    return gpu(options.minutes, options.out)


def _evidence(options: argparse.Namespace) -> int:
    from .commands.evidence import evidence

    given = {"workers": options.workers, "check": options.check}
    return evidence(options.minutes, keys=options.line, **given)


def _benchmark(options: argparse.Namespace) -> int:
    from .commands.benchmark import benchmark, chosen_protocols

    wanted = chosen_protocols(options.labels, options.protocols, options.epochs)
    names = "students seeds size frozen teacher teacher_epochs iterations device workers"
    names += " plan_only out"
    given = {key: getattr(options, key) for key in names.split()}
    return benchmark(options.dataset, options.methods, options.ipc, wanted, **given)


VERBS: dict[str, tuple[Callable[[argparse.Namespace], int], str]] = {
    "doctor": (_doctor, "check this machine: packages, device, disk, data"),
    "methods": (_methods, "list the methods, their needs and cost"),
    "compress": (_compress, "make a small set and save it in the Hub's format"),
    "score": (_score, "score every image of a pool: EL2N, Forgetting, AUM"),
    "select": (_select, "choose images by a score file and save them; trains nothing"),
    "publish": (_publish, "a folder for the Hub from a saved set: card, recipe, results"),
    "notebooks": (_notebooks, "copy the notebooks into a folder of your own"),
    "run": (_run, "run one notebook headless, parameters checked first"),
    "study": (_study, "run every notebook"),
    "runs": (_runs, "list the runs and how they ended"),
    "gallery": (_gallery, "finished notebooks as pages that open from disk; runs nothing"),
    "claims": (_claims, "the ledger: each claim of the paper, and what these results say"),
    "figures": (_figures, "the paper's figures, remade from results"),
    "book": (_book, "one site of notebooks, glossary, ledger, figures and API; runs nothing"),
    "benchmark": (_benchmark, "every method, hard and soft labels: plan, run, table"),
    "speed": (_speed, "time the training loop, small grids, explorers, or how calls grow"),
    "evidence": (
        _evidence,
        "the campaign behind the verdicts: planned, done, missing; measure more",
    ),
    "gpu": (_gpu, "all that is worth doing while a GPU is lent: tests, then speed, as tables"),
}
ALIASES = {"speed": ["bench"]}


def _above_0(text: str) -> float:
    """A number above 0 from the command line."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return value


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    top = argparse.ArgumentParser(prog="rdc", description=__doc__)
    verbs = top.add_subparsers(dest="verb", metavar="VERB")
    made = {}
    for name, (_, text) in VERBS.items():
        example, also = f"example: {EXAMPLES[name]}", ALIASES.get(name, [])
        made[name] = verbs.add_parser(
            name, help=text, description=text, epilog=example, aliases=also
        )
        made[name].set_defaults(verb=name)
    for name in ("compress", "score", "select", "speed", "benchmark"):
        made[name].add_argument("--dataset", default="digits", help="digits, imagenette, ...")
        made[name].add_argument("--size", type=int, help="side in pixels")
        if name != "select":
            made[name].add_argument("--device", default="auto", help="auto, cpu or cuda")
    for name in ("compress", "score", "select"):
        made[name].add_argument("--on-bad", default="error", choices=["error", "skip"])
    for name in ("compress", "select"):
        made[name].add_argument("--seed", type=int, default=0)
        made[name].add_argument("--out", type=Path, required=True, help="folder; a new one")
        made[name].add_argument("--ipc", type=int, default=10, help="stored images per class")
    made["doctor"].add_argument("about", nargs="*", help="nothing, or: data NAME")
    made["doctor"].add_argument("--size", type=int, help="side in pixels, for data")
    made["compress"].add_argument("method")
    shelf_options(made)
    made["notebooks"].add_argument("folder", type=Path)
    made["notebooks"].add_argument("--solved", action="store_true", help="with the solutions")
    made["run"].add_argument("notebook", type=Path)
    for name in ("run", "study"):
        made[name].add_argument(
            "-p", "--parameter", nargs=2, action="append", default=[], metavar=("NAME", "VALUE")
        )
        made[name].add_argument("--timeout", type=_above_0, help="seconds for each notebook")
    made["study"].add_argument("--dataset", default="digits")
    made["study"].add_argument("--profile", default="small", help="smoke, small or paper")
    for name in ("run", "study", "benchmark", "speed", "evidence"):
        what = "notebooks" if name == "study" else "processes"
        made[name].add_argument(
            "--workers", default="auto", help=f"{what} at a time: a number, or auto"
        )
    for name in ("claims", "figures"):
        made[name].add_argument(
            "--results", default="runs", help="runs of this machine, or the committed evidence"
        )
    made["claims"].add_argument(
        "--into", type=Path, help="write what is decided between the marks of this Markdown file"
    )
    for name, place in (("figures", "figures/paper"), ("gallery", "gallery"), ("book", "book")):
        made[name].add_argument("--out", type=Path, help=f"folder; {place} of the home if left out")
    for name in ("gallery", "book"):
        made[name].add_argument("--dataset", default="", help="only runs on this one")
    made["evidence"].add_argument("--minutes", type=_above_0, default=0.0, help="of measuring")
    made["evidence"].add_argument("--line", nargs="+", default=[], metavar="KEY", help="only these")
    made["evidence"].add_argument("--check", action="store_true", help="planned before its rows?")
    made["gpu"].add_argument("--minutes", type=_above_0, default=25.0, help="for all together")
    made["gpu"].add_argument(
        "--out", type=Path, help="folder of the tables; data/evidence if left out"
    )
    speed_options(made["speed"])
    benchmark_options(made["benchmark"])
    return top


def _where_to_start() -> int:
    from .ground.names import command

    print("rdc needs a verb. To begin:")
    for words, what in (
        ("doctor", "does this machine have all it takes?"),
        ("study", "every notebook on bundled digits: executed copies, tables, figures"),
        ("notebooks my-study", "the notebooks in a folder of your own, for JupyterLab"),
        ("compress pca --ipc 10 --out data/pca-10", "one small set"),
        ("--help", "all verbs"),
    ):
        print(f"  {command(words)}\n      {what}")
    return 2


def _disk_error(error: OSError) -> str:
    """What a disk refused, and what to do about it."""
    if error.errno is None:  # one of our own sentences
        return str(error)
    what = f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror)
    remedies = {
        errno.ENOSPC: "free some space, or set RDC_HOME to a folder on another disk",
        errno.EDQUOT: "free some space, or set RDC_HOME to a folder on another disk",
        errno.EACCES: "allow writing there, or set RDC_HOME to a folder of your own",
        errno.EPERM: "allow writing there, or set RDC_HOME to a folder of your own",
        errno.EROFS: "set RDC_HOME to a folder that can be written",
    }
    remedy = remedies.get(error.errno or 0, "look at the disk")
    return f"{what}: {remedy}; the same call goes on from what is there"


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; returns the exit status."""
    options = parser().parse_args(arguments)
    if options.verb is None:
        return _where_to_start()
    from .ground.store import Locked

    try:
        return VERBS[options.verb][0](options)
    except BrokenPipeError:  # `rdc claims | head`: who reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Locked as error:
        print(f"{options.verb}: {error}", file=sys.stderr)
        return 3
    except (ValueError, TypeError, FileExistsError) as error:
        print(f"{options.verb}: {error}", file=sys.stderr)
        return 2
    except (IsADirectoryError, NotADirectoryError) as error:
        print(f"{options.verb}: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{options.verb}: {_disk_error(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{options.verb}: stopped; the same call continues it", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
