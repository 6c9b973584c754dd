"""The command line: `python -m rdc_kit VERB`, also installed as `rdc`.

Every verb prints one line of verdict last. Exit status 0: the work was done; 1: it failed; 2: wrong
usage; 3: another process is at it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

EXAMPLES = {
    "doctor": "python -m rdc_kit doctor",
    "methods": "python -m rdc_kit methods",
    "compress": "python -m rdc_kit compress pca --dataset digits --ipc 10 --out data/pca-10",
    "score": "python -m rdc_kit score --dataset digits --out data/scores.csv",
    "run": "python -m rdc_kit run notebooks/00_start_here.ipynb -p dataset imagenette -p ipc 10",
    "study": "python -m rdc_kit study --dataset digits --profile small",
    "runs": "python -m rdc_kit runs",
    "gallery": "python -m rdc_kit gallery --dataset digits",
    "claims": "python -m rdc_kit claims --results evidence",
    "figures": "python -m rdc_kit figures --results evidence --out figures/evidence/paper",
    "bench": "python -m rdc_kit bench --size 64",
    "benchmark": "python -m rdc_kit benchmark --dataset digits --methods all --ipc 1 10 "
    "--labels hard soft --seeds 3",
}


def _doctor(options: argparse.Namespace) -> int:
    from .commands.doctor import doctor

    return doctor()


def _methods(options: argparse.Namespace) -> int:
    from .methods import METHODS

    rows = [("method", "family", "needs", "cost", "source")]
    rows += [(name, m.family, m.needs, m.cost, m.source) for name, m in METHODS.items()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = zip(row, widths, strict=True)
        print("  ".join(text.ljust(width) for text, width in cells).rstrip())
    print(f"methods: {len(METHODS)}")
    return 0


def _compress(options: argparse.Namespace) -> int:
    from .data.loading import load
    from .ground.runtime import choose_runtime
    from .methods import compress, find

    find(options.method)
    if options.out.exists():
        raise FileExistsError(f"{options.out} exists: choose another folder")
    runtime = choose_runtime(options.device)
    pool = load(options.dataset, options.size, options.on_bad).train
    stored = compress(options.method, pool, options.ipc, options.seed, runtime)
    folder = stored.save(options.out)
    if "teacher" in stored.provenance:
        facts = stored.provenance
        print(f"teacher {facts['teacher']}: {facts['teacher_top1']:.1f} % of the pool")
    print(f"compress: {stored} in {folder}")
    return 0


def _score(options: argparse.Namespace) -> int:
    import pandas as pd

    from .data.loading import load
    from .ground import store
    from .ground.runtime import choose_runtime
    from .prune.scores import dynamics

    runtime = choose_runtime(options.device)
    pool = load(options.dataset, options.size, options.on_bad).train
    found = dynamics(pool, options.epochs, seed=options.seed, runtime=runtime)
    columns = {"row_id": pool.row_ids, "label": pool.labels}
    columns |= {name: scores.values for name, scores in found.items()}
    columns["never_learned"] = found["forgetting"].never_learned  # type: ignore[assignment]
    with store.atomic_path(options.out) as part:
        pd.DataFrame({name: column.numpy() for name, column in columns.items()}).to_csv(
            part, index=False
        )
    print(f"score: {', '.join(found)} of {len(pool):,} rows in {options.out}; higher = harder")
    return 0


def _run(options: argparse.Namespace) -> int:
    from .commands.run import run_notebook

    return run_notebook(options.notebook, dict(options.parameter), options.timeout)


def _study(options: argparse.Namespace) -> int:
    from .commands.run import run_all
    from .ground.runtime import checkout

    given = {"dataset": options.dataset, "profile": options.profile, **dict(options.parameter)}
    return run_all(checkout() / "notebooks", given, options.timeout)


def _runs(options: argparse.Namespace) -> int:
    from .ground import store
    from .ground.runtime import data_dir
    from .study.grid.monitor import read_status

    folder = data_dir() / "runs"
    manifests = sorted((folder / "notebooks").glob("*/manifest.json"))
    for path in manifests:
        facts = store.read_json(path)
        print(f"{read_status(path.parent):12} {facts['started']}  {path.parent.name}", end="")
        print(f"  {facts['error']}" if "error" in facts else "")
    trained = len(list((folder / "train").glob("*/result.json")))
    print(f"runs: {len(manifests)} notebooks, {trained} finished trainings in {folder}")
    return 0


def _claims(options: argparse.Namespace) -> int:
    from .study.verdicts.ledger import as_text, ledger
    from .study.verdicts.tables import collect

    table = ledger(collect(options.results))
    print(as_text(table))
    counts = table["verdict"].value_counts()
    print(f"claims: {', '.join(f'{count} {word}' for word, count in counts.items())}")
    return 0


def _figures(options: argparse.Namespace) -> int:
    from .study.figures.paper import remake
    from .study.verdicts.tables import collect

    saved = remake(collect(options.results), options.out)
    for path in saved.values():
        print(path)
    print(f"figures: {len(saved)}, each as pdf, png, csv and json")
    return 0


def _gallery(options: argparse.Namespace) -> int:
    from .commands.gallery import gallery

    return gallery(options.out, options.dataset)


def _bench(options: argparse.Namespace) -> int:
    from .commands.speed import bench
    from .ground import store

    table = bench(
        options.dataset,
        options.size or 64,
        options.student,
        options.batch,
        rounds=options.rounds,
        device=options.device,
    )
    if options.out:
        with store.atomic_path(options.out) as part:
            table.to_csv(part, index=False)
    return 0


def _benchmark(options: argparse.Namespace) -> int:
    from .commands.benchmark import benchmark

    return benchmark(
        options.dataset,
        options.methods,
        options.ipc,
        options.labels,
        options.protocols,
        options.students,
        options.seeds,
        options.epochs,
        options.size,
        options.one_set,
        options.teacher,
        options.teacher_epochs,
        options.iterations,
        options.device,
        options.plan,
        options.out,
    )


VERBS: dict[str, tuple[Callable[[argparse.Namespace], int], str]] = {
    "doctor": (_doctor, "check this machine: packages, device, disk, data"),
    "methods": (_methods, "list the methods, their needs and cost"),
    "compress": (_compress, "make a small set and save it in the Hub's format"),
    "score": (_score, "score every image of a pool: EL2N, Forgetting, AUM"),
    "run": (_run, "run one notebook headless, parameters checked first"),
    "study": (_study, "run every notebook"),
    "runs": (_runs, "list the runs and how they ended"),
    "gallery": (_gallery, "finished notebooks as pages that open from disk; runs nothing"),
    "claims": (_claims, "the ledger: each claim of the paper, and what these results say"),
    "figures": (_figures, "the paper's figures, remade from results"),
    "benchmark": (_benchmark, "every method, hard and soft labels: plan, run, table"),
    "bench": (_bench, "time our training loop against the plain one"),
}


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    top = argparse.ArgumentParser(prog="rdc", description=__doc__)
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    made = {
        name: verbs.add_parser(
            name, help=text, description=text, epilog=f"example: {EXAMPLES[name]}"
        )
        for name, (_, text) in VERBS.items()
    }
    for name in ("compress", "score", "bench", "benchmark"):
        made[name].add_argument("--dataset", default="digits", help="digits, imagenette, ...")
        made[name].add_argument("--size", type=int, help="side in pixels")
        made[name].add_argument("--device", default="auto", help="auto, cpu or cuda")
    for name in ("compress", "score"):
        made[name].add_argument("--seed", type=int, default=0)
        made[name].add_argument("--on-bad", default="error", choices=["error", "skip"])
        made[name].add_argument("--out", type=Path, required=True)
    made["compress"].add_argument("method")
    made["compress"].add_argument("--ipc", type=int, default=10, help="stored images per class")
    made["score"].add_argument("--epochs", type=int, default=30)
    made["run"].add_argument("notebook", type=Path)
    for name in ("run", "study"):
        made[name].add_argument(
            "-p", "--parameter", nargs=2, action="append", default=[], metavar=("NAME", "VALUE")
        )
        made[name].add_argument("--timeout", type=float, help="seconds for each notebook")
    made["study"].add_argument("--dataset", default="digits")
    made["study"].add_argument("--profile", default="small", help="smoke, small or paper")
    for name in ("claims", "figures"):
        made[name].add_argument(
            "--results", default="runs", help="runs of this machine, or the committed evidence"
        )
    made["figures"].add_argument("--out", type=Path, help="folder; figures/paper if left out")
    made["gallery"].add_argument("--out", type=Path, help="folder; data/gallery if left out")
    made["gallery"].add_argument("--dataset", default="", help="only runs on this one")
    made["bench"].add_argument("--student", default="resnet18")
    made["bench"].add_argument("--batch", type=int)
    made["bench"].add_argument("--rounds", type=int, default=3)
    made["bench"].add_argument("--out", type=Path, help="write the table here, as csv")
    _benchmark_options(made["benchmark"])
    return top


def _benchmark_options(verb: argparse.ArgumentParser) -> None:
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
    verb.add_argument("--one-set", action="store_true", help="all seeds train on seed 0's set")
    verb.add_argument("--plan", action="store_true", help="only say what it would take")
    verb.add_argument("--out", type=Path, help="write the table here too, as csv")


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; returns the exit status."""
    from .ground.store import Locked

    options = parser().parse_args(arguments)
    try:
        return VERBS[options.verb][0](options)
    except Locked as error:
        print(f"{options.verb}: {error}", file=sys.stderr)
        return 3
    except (ValueError, TypeError, FileExistsError) as error:
        print(f"{options.verb}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{options.verb}: stopped; the same call continues it", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
