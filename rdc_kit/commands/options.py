"""The grammar of the command line: the verbs and their options."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from .typed import Several, above_0, notebook, path, path_or_name, seeds

# What each verb does, and an example.
VERBS: dict[str, tuple[str, str]] = {
    "doctor": ("check this machine: packages, device, disk, data", "rdc doctor"),
    "methods": ("list the methods, their needs and cost", "rdc methods"),
    "compress": (
        "make a small set and save it in the Hub's format",
        "rdc compress pca grid=3 --dataset digits --ipc 10 --out data/pca-10",
    ),
    "score": (
        "score every image of a pool: EL2N, Forgetting, AUM",
        "rdc score --dataset digits --seed 0 1 --out data/scores.parquet",
    ),
    "select": (
        "choose images by a score file and save them; trains nothing",
        "rdc select --scores data/scores.parquet --dataset digits --ipc 10 --out data/easy",
    ),
    "publish": (
        "a folder for the Hub from a saved set: card, recipe, results",
        "rdc publish data/easy data/for-the-hub --license cc-by-4.0",
    ),
    "notebooks": ("copy the notebooks into a folder of your own", "rdc notebooks my-study"),
    "run": (
        "run one notebook headless, parameters checked first",
        "rdc run notebooks/00_start_here.ipynb -p dataset imagenette -p ipc 10",
    ),
    "study": ("run every notebook", "rdc study --dataset digits --profile small"),
    "runs": ("list the runs and how they ended", "rdc runs"),
    "gallery": (
        "finished notebooks as pages that open from disk; runs nothing",
        "rdc gallery --dataset digits",
    ),
    "claims": (
        "the ledger: each claim of the paper, and what these results say",
        "rdc claims --results evidence",
    ),
    "figures": (
        "the paper's figures, remade from results",
        "rdc figures --results evidence --out figures/evidence/paper",
    ),
    "book": (
        "one site of notebooks, glossary, ledger, figures and API; runs nothing",
        "rdc book --out data/book",
    ),
    "benchmark": (
        "every method, hard and soft labels: plan, run, table",
        "rdc benchmark --dataset digits --methods all --ipc 1 10 --labels hard soft --seeds 3",
    ),
    "speed": (
        "time the training loop, small grids, explorers, or how calls grow",
        "rdc speed --size 64",
    ),
    "evidence": (
        "the campaign behind the verdicts: planned, done, missing; measure more",
        "rdc evidence --minutes 60",
    ),
    "gpu": (
        "all that is worth doing while a GPU is lent: tests, speed, then evidence",
        "rdc gpu --minutes 25",
    ),
}
ALIASES = {"speed": ["bench"]}
# What else `rdc speed` takes with each of its jobs; without one of them it times the training loop.
SPEED_JOBS: dict[str, tuple[str, ...]] = {
    "": ("dataset", "size", "student", "batch", "rounds", "device"),
    "grid": ("runs", "workers"),
    "growth": ("rounds",),
    "neighbour": ("rounds",),
    "explorers": ("size", "rounds"),
    "replay": ("rounds", "device"),
}
# How the table of each begins: no other file is written over.
SPEED_TABLES: dict[str, str] = {
    "": "loop,student,",
    "grid": "dataset,size,student,",
    "growth": "call,axis,",
    "neighbour": "way,threads,",
    "explorers": "explorer,control,",
    "replay": "student,size,",
}

_SIZE = (
    "side in pixels: an image's shorter side becomes as long, what is at the edge of the longer "
    "one is cut off; left out, that of the dataset: of a folder the images' own if all are squares "
    "of one size up to 224, else 64"
)


def parser() -> argparse.ArgumentParser:
    """Of `rdc VERB ...`; an option is called the same in every verb that has it."""
    top = argparse.ArgumentParser(
        prog="rdc",
        description="A study kit for 'Rethinking Large-scale Dataset Compression'. Every verb "
        "prints one line of verdict last. Exit status 0: the work was done; 1: it failed; 2: wrong "
        "usage; 3: another process is doing this very work; 143: SIGTERM ended it.",
    )
    verbs = top.add_subparsers(dest="verb", metavar="VERB")
    made = {}
    for name, (text, example) in VERBS.items():
        made[name] = verbs.add_parser(
            name,
            help=text,
            description=text,
            epilog=f"example: {example}",
            aliases=ALIASES.get(name, []),
        )
        made[name].set_defaults(verb=name)
    _common_options(made)
    _notebook_options(made)
    _report_options(made)
    _shelf_options(made)
    _speed_options(made["speed"])
    _benchmark_options(made["benchmark"])
    made["doctor"].add_argument("about", nargs="*", help="nothing, or: data NAME")
    made["doctor"].add_argument(
        "--all", action="store_true", help="of data: name every place, not the first few"
    )
    made["compress"].add_argument(
        "method", nargs="+", help="a name, and options of the method as NAME=VALUE"
    )
    return top


def check_unused(options: argparse.Namespace, what: str, names: Iterable[str]) -> None:
    """Refuse options that something would take no notice of, where they are not as left out.

    Args:
        options: of a verb that needs no words. what: takes no notice. names: of the options.

    Raises:
        ValueError: one of them is given.
    """
    left_out = parser().parse_args([options.verb])
    for name in names:
        if getattr(options, name) != getattr(left_out, name):
            option = name.replace("_", "-")
            raise ValueError(f"--{option} means nothing to {what}: leave it out")


def _common_options(made: dict[str, argparse.ArgumentParser]) -> None:
    """Those that several verbs have."""
    for name in ("compress", "score", "select", "speed", "benchmark"):
        made[name].add_argument("--dataset", default="digits", help="digits, imagenette, ...")
    for name in ("doctor", "compress", "score", "select", "speed", "benchmark"):
        made[name].add_argument("--size", type=int, help=_SIZE)
    for name in ("compress", "score", "speed", "benchmark"):
        made[name].add_argument("--device", default="auto", help="auto, cpu or cuda")
    for name in ("compress", "score", "select", "benchmark"):
        made[name].add_argument("--on-bad", default="error", choices=["error", "skip"])
    for name in ("compress", "select"):
        made[name].add_argument("--seed", type=int, default=0)
        made[name].add_argument("--out", type=path, required=True, help="folder; a new one")
        made[name].add_argument("--ipc", type=int, default=10, help="stored images per class")
    users = ("methods", "compress", "score", "run", "study", "benchmark", "evidence")
    for name in (*users, "claims", "figures"):
        made[name].add_argument(
            "--use",
            type=path,
            action=Several,
            default=[],
            metavar="FILE",
            help="Python files that add methods, scores, protocols or networks",
        )
    for name in ("run", "study", "benchmark", "speed", "evidence"):
        what = "notebooks" if name == "study" else "processes"
        made[name].add_argument(
            "--workers", default="auto", help=f"{what} at a time: a number, or auto"
        )


def _notebook_options(made: dict[str, argparse.ArgumentParser]) -> None:
    """Of notebooks, run and study."""
    made["notebooks"].add_argument("folder", type=path)
    made["notebooks"].add_argument("--solved", action="store_true", help="with the solutions")
    made["run"].add_argument("notebook", type=notebook)
    for name in ("run", "study"):
        made[name].add_argument(
            "-p", "--parameter", nargs=2, action="append", default=[], metavar=("NAME", "VALUE")
        )
        made[name].add_argument("--timeout", type=above_0, help="seconds for each notebook")
    made["study"].add_argument("--dataset", default="digits")
    made["study"].add_argument("--profile", default="small", help="smoke, small or paper")


def _report_options(made: dict[str, argparse.ArgumentParser]) -> None:
    """Of what shows results, and of what measures them for the ledger."""
    for name in ("claims", "figures"):
        made[name].add_argument(
            "--results",
            type=path_or_name,
            default="runs",
            help="runs of this machine, evidence (the committed), or the folder of a plan of yours",
        )
    made["claims"].add_argument(
        "--into", type=path, help="write what is decided between the marks of this Markdown file"
    )
    for name, place in (("figures", "figures/paper"), ("gallery", "gallery"), ("book", "book")):
        made[name].add_argument("--out", type=path, help=f"folder; {place} of the home if left out")
    for name in ("gallery", "book"):
        made[name].add_argument("--dataset", default="", help="only runs on this one")
    verb = made["evidence"]
    verb.add_argument("--minutes", type=above_0, default=0.0, help="of measuring")
    verb.add_argument(
        "--line", action=Several, default=[], metavar="KEY", help="only these, in this order"
    )
    instead = verb.add_mutually_exclusive_group()
    instead.add_argument("--check", action="store_true", help="planned before its rows?")
    instead.add_argument(
        "--again", action="store_true", help="make finished rows again, and compare"
    )
    told = "differences of rows that are there, such as 'pca#50 - random#50', of one line"
    instead.add_argument("--ask", action=Several, default=[], metavar="EFFECT", help=told)
    verb.add_argument(
        "--folder", type=path, help="with a plan.toml of your own; rows are kept there"
    )
    verb = made["gpu"]
    verb.add_argument("--minutes", type=above_0, default=25.0, help="for all together")
    verb.add_argument("--out", type=path, help="folder of the tables; data/evidence if left out")


def _shelf_options(made: dict[str, argparse.ArgumentParser]) -> None:
    """Of score, select and publish."""
    verb = made["score"]
    verb.add_argument(
        "--out", type=path, help=".parquet or .csv; scores-DATASET.parquet if left out"
    )
    verb.add_argument("--epochs", type=int, default=30)
    verb.add_argument(
        "--seed", type=int, action=Several, default=[0], help="a scoring run for each"
    )
    verb.add_argument(
        "--collect", type=path, metavar="FOLDER", help="put finished runs into a file there instead"
    )
    verb = made["select"]
    verb.add_argument(
        "--scores", type=path, help="from `rdc score`, or your own csv; random needs none"
    )
    verb.add_argument("--metric", default="", help="el2n, forgetting, ... or a column; el2n")
    verb.add_argument("--order", default="easy", help="easy, hard, random or ccs")
    verb.add_argument("--skip", type=float, default=0.0, help="share of a class to pass over first")
    verb = made["publish"]
    verb.add_argument("set", type=path, help="folder of a saved set")
    verb.add_argument("folder", type=path, help="a new one, for the Hub")
    verb.add_argument("--license", default="unknown", help="the Hub's name of it, such as mit")
    verb.add_argument("--results", type=path, help="csv of runs; those on this very set are shown")


def _speed_options(verb: argparse.ArgumentParser) -> None:
    """Of speed."""
    verb.add_argument("--student", default="resnet18")
    verb.add_argument("--batch", type=int)
    verb.add_argument("--rounds", type=int, default=3)
    verb.add_argument("--runs", type=int, default=0, help="of each small grid")
    job = verb.add_mutually_exclusive_group()
    job.add_argument(
        "--grid", action=Several, metavar="DATASET", help="runs per hour of small grids"
    )
    job.add_argument("--growth", action="store_true", help="main calls against their input's size")
    job.add_argument("--neighbour", action="store_true", help="a training beside a busy program")
    job.add_argument("--explorers", action="store_true", help="from a control to its picture")
    job.add_argument("--replay", action="store_true", help="a GPU's steps, one by one or replayed")
    verb.add_argument("--out", type=path, help="write the table here, as csv")


def _benchmark_options(verb: argparse.ArgumentParser) -> None:
    """Of benchmark."""
    verb.add_argument(
        "--methods", action=Several, default=["all"], help='names, or all; "pca grid=3"'
    )
    verb.add_argument("--ipc", type=int, action=Several, default=[1, 10])
    verb.add_argument("--labels", action=Several, default=["hard", "soft"], help="hard, soft")
    verb.add_argument("--protocols", action=Several, default=[], help="further ones, such as rded")
    verb.add_argument("--students", action=Several, default=[], help="networks")
    verb.add_argument("--seeds", type=seeds, default=3, help="a number of them, or which: 3-5")
    verb.add_argument(
        "--epochs", type=int, help="of every training; the protocol's own if left out"
    )
    verb.add_argument("--teacher", help="network, or torchvision:resnet18")
    verb.add_argument("--teacher-epochs", type=int, default=30)
    verb.add_argument("--iterations", type=int, help="of every recovered image")
    verb.add_argument(
        "--frozen", action=Several, default=[], help="what all seeds share: scoring, teacher, set"
    )
    verb.add_argument(
        "--plan", action="store_true", dest="plan_only", help="only say what it would take"
    )
    verb.add_argument(
        "--out", type=path, help="csv of the table; below data/runs/benchmark if left out"
    )
