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

EXAMPLES = {
    "doctor": "rdc doctor",
    "methods": "rdc methods",
    "compress": "rdc compress pca --dataset digits --ipc 10 --out data/pca-10",
    "score": "rdc score --dataset digits --out data/scores.csv",
    "notebooks": "rdc notebooks my-study",
    "run": "rdc run notebooks/00_start_here.ipynb -p dataset imagenette -p ipc 10",
    "study": "rdc study --dataset digits --profile small",
    "runs": "rdc runs",
    "gallery": "rdc gallery --dataset digits",
    "claims": "rdc claims --results evidence",
    "figures": "rdc figures --results evidence --out figures/evidence/paper",
    "api": "rdc api --out data/api",
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
    from .commands.sets import save_scores

    given = {key: getattr(options, key) for key in ("epochs", "seed", "size", "device", "on_bad")}
    out = options.out or Path(f"scores-{options.dataset.replace(':', '-').replace('/', '-')}.csv")
    return save_scores(options.dataset, out, **given)


def _notebooks(options: argparse.Namespace) -> int:
    from .commands.notebooks import hand_out

    return hand_out(options.folder)


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


def _api(options: argparse.Namespace) -> int:
    from .commands.api import write_api

    return write_api(options.out)


def _speed(options: argparse.Namespace) -> int:
    if options.grid:
        from .commands.speed_grid import speed_grid

        return speed_grid(options.grid, runs=options.runs, workers=options.workers, out=options.out)
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
    "notebooks": (_notebooks, "copy the notebooks into a folder of your own"),
    "run": (_run, "run one notebook headless, parameters checked first"),
    "study": (_study, "run every notebook"),
    "runs": (_runs, "list the runs and how they ended"),
    "gallery": (_gallery, "finished notebooks as pages that open from disk; runs nothing"),
    "claims": (_claims, "the ledger: each claim of the paper, and what these results say"),
    "figures": (_figures, "the paper's figures, remade from results"),
    "api": (_api, "a page of every public function, from the docstrings"),
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
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    made = {}
    for name, (_, text) in VERBS.items():
        example, also = f"example: {EXAMPLES[name]}", ALIASES.get(name, [])
        made[name] = verbs.add_parser(
            name, help=text, description=text, epilog=example, aliases=also
        )
        made[name].set_defaults(verb=name)
    for name in ("compress", "score", "speed", "benchmark"):
        made[name].add_argument("--dataset", default="digits", help="digits, imagenette, ...")
        made[name].add_argument("--size", type=int, help="side in pixels")
        made[name].add_argument("--device", default="auto", help="auto, cpu or cuda")
    for name in ("compress", "score"):
        made[name].add_argument("--seed", type=int, default=0)
        made[name].add_argument("--on-bad", default="error", choices=["error", "skip"])
    made["doctor"].add_argument("about", nargs="*", help="nothing, or: data NAME")
    made["doctor"].add_argument("--size", type=int, help="side in pixels, for data")
    made["compress"].add_argument("--out", type=Path, required=True, help="folder; a new one")
    made["compress"].add_argument("method")
    made["compress"].add_argument("--ipc", type=int, default=10, help="stored images per class")
    made["score"].add_argument("--out", type=Path, help="scores-DATASET.csv here if left out")
    made["score"].add_argument("--epochs", type=int, default=30)
    made["notebooks"].add_argument("folder", type=Path)
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
    for name, place in (("figures", "figures/paper"), ("gallery", "gallery"), ("api", "api")):
        made[name].add_argument("--out", type=Path, help=f"folder; {place} of the home if left out")
    made["gallery"].add_argument("--dataset", default="", help="only runs on this one")
    made["evidence"].add_argument("--minutes", type=_above_0, default=0.0, help="of measuring")
    made["evidence"].add_argument("--line", nargs="+", default=[], metavar="KEY", help="only these")
    made["evidence"].add_argument("--check", action="store_true", help="planned before its rows?")
    made["gpu"].add_argument("--minutes", type=_above_0, default=25.0, help="for all together")
    made["gpu"].add_argument(
        "--out", type=Path, help="folder of the tables; data/evidence if left out"
    )
    _speed_options(made["speed"])
    _benchmark_options(made["benchmark"])
    return top


def _speed_options(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--student", default="resnet18")
    verb.add_argument("--batch", type=int)
    verb.add_argument("--rounds", type=int, default=3)
    verb.add_argument("--grid", nargs="+", metavar="DATASET", help="runs per hour of small grids")
    verb.add_argument("--runs", type=int, default=0, help="of each small grid")
    verb.add_argument("--growth", action="store_true", help="main calls against their input's size")
    verb.add_argument("--explorers", action="store_true", help="from a control to its picture")
    verb.add_argument("--out", type=Path, help="write the table here, as csv")


def _benchmark_options(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--methods", nargs="+", default=["all"], help="names, or all")
    verb.add_argument("--ipc", nargs="+", type=int, default=[1, 10])
    verb.add_argument("--labels", nargs="+", default=["hard", "soft"], help="hard, soft")
    verb.add_argument("--protocols", nargs="+", default=[], help="further ones, such as rded")
    verb.add_argument("--students", nargs="+", default=[], help="networks")
    verb.add_argument("--seeds", type=int, default=3)
    verb.add_argument("--epochs", type=int, help="of every training; else the protocol's own")
    verb.add_argument("--teacher", help="network, or torchvision:resnet18")
    verb.add_argument("--teacher-epochs", type=int, default=30)
    verb.add_argument("--iterations", type=int, help="of every recovered image")
    verb.add_argument(
        "--frozen", nargs="+", default=[], help="what all seeds share: scoring, teacher, set"
    )
    verb.add_argument("--plan", action="store_true", dest="plan_only", help="only say the cost")
    verb.add_argument("--out", type=Path, help="write the table here too, as csv")


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
