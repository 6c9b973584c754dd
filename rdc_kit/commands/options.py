"""Options of the verbs that have many."""

from __future__ import annotations

import argparse
from pathlib import Path


def shelf_options(made: dict[str, argparse.ArgumentParser]) -> None:
    """Of score, select and publish."""
    verb = made["score"]
    verb.add_argument(
        "--out", type=Path, help=".parquet or .csv; scores-DATASET.parquet if left out"
    )
    verb.add_argument("--epochs", type=int, default=30)
    verb.add_argument("--seed", type=int, nargs="+", default=[0], help="a scoring run for each")
    verb.add_argument(
        "--collect", type=Path, metavar="FOLDER", help="put finished runs into a file there instead"
    )
    verb = made["select"]
    verb.add_argument(
        "--scores", type=Path, required=True, help="from `rdc score`, or your own csv"
    )
    verb.add_argument("--metric", default="", help="el2n, forgetting, ... or a column; el2n")
    verb.add_argument("--order", default="easy", help="easy, hard, random or ccs")
    verb.add_argument("--skip", type=float, default=0.0, help="share of a class to pass over first")
    verb = made["publish"]
    verb.add_argument("set", type=Path, help="folder of a saved set")
    verb.add_argument("folder", type=Path, help="a new one, for the Hub")
    verb.add_argument("--license", default="unknown", help="the Hub's name of it, such as mit")
    verb.add_argument("--results", type=Path, help="csv of runs; those on this very set are shown")


def speed_options(verb: argparse.ArgumentParser) -> None:
    """Of speed."""
    verb.add_argument("--student", default="resnet18")
    verb.add_argument("--batch", type=int)
    verb.add_argument("--rounds", type=int, default=3)
    verb.add_argument("--grid", nargs="+", metavar="DATASET", help="runs per hour of small grids")
    verb.add_argument("--runs", type=int, default=0, help="of each small grid")
    verb.add_argument("--growth", action="store_true", help="main calls against their input's size")
    verb.add_argument("--neighbour", action="store_true", help="a training beside a busy program")
    verb.add_argument("--explorers", action="store_true", help="from a control to its picture")
    verb.add_argument("--out", type=Path, help="write the table here, as csv")


def benchmark_options(verb: argparse.ArgumentParser) -> None:
    """Of benchmark."""
    verb.add_argument("--methods", nargs="+", default=["all"], help="names, or all")
    verb.add_argument("--ipc", nargs="+", type=int, default=[1, 10])
    verb.add_argument("--labels", nargs="+", default=["hard", "soft"], help="hard, soft")
    verb.add_argument("--protocols", nargs="+", default=[], help="further ones, such as rded")
    verb.add_argument("--students", nargs="+", default=[], help="networks")
    verb.add_argument("--seeds", type=int, default=3)
    verb.add_argument(
        "--epochs", type=int, help="of every training; the protocol's own if left out"
    )
    verb.add_argument("--teacher", help="network, or torchvision:resnet18")
    verb.add_argument("--teacher-epochs", type=int, default=30)
    verb.add_argument("--iterations", type=int, help="of every recovered image")
    verb.add_argument(
        "--frozen", nargs="+", default=[], help="what all seeds share: scoring, teacher, set"
    )
    verb.add_argument(
        "--plan", action="store_true", dest="plan_only", help="only say what it would take"
    )
    verb.add_argument("--out", type=Path, help="write the table here too, as csv")
