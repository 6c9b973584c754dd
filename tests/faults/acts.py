"""Everything in the kit that writes: what it does, and what may be on the disk afterwards."""

from __future__ import annotations

import contextlib
import json
import zlib
from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

import rdc_kit as rdc
from rdc_kit.data.saving import save
from rdc_kit.ground import files
from rdc_kit.ground.arrays import load_arrays, save_arrays
from rdc_kit.ground.folders import runs_dir
from rdc_kit.ground.manifests import read_status, write_manifest
from rdc_kit.prune.scorefiles import Run, read_score_file, write_scores
from rdc_kit.study.figures import saving
from rdc_kit.study.grid import campaign, planfile
from rdc_kit.study.grid.arms import Arm
from rdc_kit.study.grid.experiments import Experiment, plan_trials
from rdc_kit.study.grid.rowfiles import read_rows
from rdc_kit.study.grid.setups import Setup
from rdc_kit.train import training
from rdc_kit.train.stored_labels import store_labels
from rdc_kit.train.teachers import squeeze

from ..conftest import colour_blocks, picture
from ..study.conftest import EXACT, FEW
from ..study.grid.plans import PLAN
from .harness import Act

EPOCHS = 40  # of a teacher


def nothing(home: Path) -> None:
    """Nothing was there before, or nothing can be said of it."""


def whole_results(home: Path) -> None:
    """What says that it is finished has all its files."""
    for path in home.rglob("result.json"):
        found = json.loads(path.read_text())
        for name, (size, check) in found["files"].items():
            file = path.parent / name
            assert (file.stat().st_size, files.checksum(file)) == (size, check), file


def small_set(ipc: int, seed: int = 0) -> rdc.ImageSet:
    return rdc.compress("random", colour_blocks(), ipc, seed=seed)


def save_new(home: Path) -> str:
    stored = small_set(2)
    if not (home / "set").exists():
        save(stored, home / "set")
    return rdc.load(f"parquet:{home / 'set'}", size=16).train.fingerprint()


def save_old(home: Path) -> None:
    save(small_set(1), home / "set")


def save_over(home: Path) -> str:
    save(small_set(2), home / "set", overwrite=True)
    return rdc.load(f"parquet:{home / 'set'}", size=16).train.fingerprint()


def old_or_new_set(home: Path) -> None:
    folder = files.restored(home / "set")
    rows = len(pd.read_parquet(folder / "data"))
    saved = json.loads((folder / "rdc.json").read_text())
    assert rows in (3, 6)
    assert saved["provenance"]["ipc"] * 3 == rows
    assert (folder / "README.md").read_text().strip()


def pictures(home: Path) -> None:
    for k in range(4):
        picture(home / "pictures" / "train" / "ab"[k % 2] / f"{k}.png", k)


def decode(home: Path) -> str:
    return rdc.load(f"folder:{home / 'pictures'}", size=16).train.fingerprint()


@contextlib.contextmanager
def each_epoch() -> Iterator[None]:
    """While it lasts, a checkpoint is written after every epoch."""
    before, training.CHECKPOINT_EVERY = training.CHECKPOINT_EVERY, 0.0
    try:
        yield
    finally:
        training.CHECKPOINT_EVERY = before


@each_epoch()
def score(home: Path) -> str:
    return str(rdc.el2n(colour_blocks(), epochs=2, runtime=EXACT).values.tolist())


def teach(home: Path) -> str:
    return f"{squeeze(colour_blocks(), epochs=EPOCHS, runtime=EXACT).pool_top1:.6f}"


@each_epoch()
def train(home: Path) -> str:
    protocol = rdc.protocols.hard(epochs=3)
    path = home / "checkpoint.npz"
    fitted = rdc.fit(colour_blocks(), protocol, runtime=EXACT, checkpoint=path)
    weights = b"".join(p.detach().numpy().tobytes() for p in fitted.model.parameters())
    return str(zlib.crc32(weights))


def label(home: Path) -> str:
    pool = colour_blocks()
    protocol = rdc.protocols.named("fkd").but(epochs=3, mix="none")
    teacher = squeeze(pool, epochs=EPOCHS, runtime=EXACT)
    answer = teacher.answering(EXACT)
    stored = store_labels(pool, protocol, answer, teacher.key, EXACT)
    return str(zlib.crc32(np.asarray(stored.records).tobytes()))


def teacher_there(home: Path) -> None:
    squeeze(colour_blocks(), epochs=EPOCHS, runtime=EXACT)


def setup() -> Setup:
    pool = colour_blocks(per_class=8)
    few = {"iterations": 2}
    return Setup(pool, colour_blocks(seed=0), EXACT, None, EPOCHS, FEW, few)


def distil(home: Path) -> str:
    return setup().make("sre2l", 2).fingerprint()


def distil_teacher(home: Path) -> None:
    setup().teacher_of()


def grid(home: Path) -> str:
    trials = plan_trials(
        setup(), [Arm("random"), Arm("el2n")], 1, [rdc.protocols.hard(epochs=2)], 2
    )
    table = Experiment(setup(), trials).measure()
    return table[["arm", "seed", "top1", "hits"]].to_csv()


def manifest_old(home: Path) -> None:
    write_manifest(runs_dir("notebooks") / "a", "running", name="a")


def manifest(home: Path) -> str:
    write_manifest(runs_dir("notebooks") / "a", "ok", seconds=1.0)
    return read_status(runs_dir("notebooks") / "a")


def some_manifest(home: Path) -> None:
    facts = json.loads((runs_dir("notebooks") / "a" / "manifest.json").read_text())
    assert facts["status"] in ("running", "ok")
    assert facts["name"] == "a"


def draw(home: Path, value: int) -> str:
    figure, ax = plt.subplots(figsize=(1, 1))
    ax.plot([0, value])
    png = saving.save_figure(
        figure, "line", pd.DataFrame({"y": [0, value]}), folder=home / "figures"
    )
    plt.close(figure)
    return f"{saving.figure_is_whole(png)} {files.checksum(png)}"


def figure_parts(home: Path) -> None:
    """Each of its files is one of the two, and a mixture does not pass for whole."""
    folder = home / "figures"
    numbers = (folder / "line.csv").read_text()
    assert numbers in ("y\n0\n1\n", "y\n0\n2\n"), numbers
    json.loads((folder / "line.json").read_text())
    assert (folder / "line.pdf").read_bytes().rstrip().endswith(b"%%EOF")
    if saving.figure_is_whole(folder / "line.png"):
        checks = json.loads((folder / "line.json").read_text())["checks"]
        assert checks["csv"] == zlib.crc32(numbers.encode())


def plan(home: Path) -> None:
    (home / "evidence").mkdir()
    (home / "evidence" / "plan.toml").write_text(PLAN)
    line(home).add(rows([0]))


def line(home: Path) -> campaign.Line:
    for module in (campaign, planfile):
        module.evidence_dir = lambda: home / "evidence"  # type: ignore[attr-defined]
    return planfile.read_plan()[0]


def rows(seeds: list[int]) -> pd.DataFrame:
    facts = {"arm": "random", "budget": 1, "protocol": "hard", "epochs": 300}
    facts |= {"student": "convnet2-w8", "set_seed": 0, "training_seed": 0}
    return pd.DataFrame([{**facts, "seed": s, "top1": 50.0 + s, "run_hash": str(s)} for s in seeds])


def add_rows(home: Path) -> str:
    line(home).add(rows([1, 2]))
    return read_rows(line(home).path).to_csv()


def old_or_new_rows(home: Path) -> None:
    assert read_rows(line(home).path)["seed"].tolist() in ([0], [0, 1, 2])


def arrays(home: Path) -> str:
    save_arrays(home / "a.npz", {"w": colour_blocks().images})
    return str(zlib.crc32(load_arrays(home / "a.npz")["w"].numpy().tobytes()))


def scoring_run(seed: int) -> Run:
    """A scoring run that nobody trained."""
    config = {"what": "dynamics", "protocol": {"epochs": 10}, "student": "s", "seed": seed}
    return Run(config, {"el2n": torch.arange(18) / (seed + 18)})


def score_file_old(home: Path) -> None:
    write_scores(home / "scores.parquet", colour_blocks(), [scoring_run(0)])


def score_file(home: Path) -> str:
    write_scores(home / "scores.parquet", colour_blocks(), [scoring_run(0), scoring_run(1)])
    return str(rdc.read_scores(home / "scores.parquet", colour_blocks()).values.tolist())


def old_or_new_scores(home: Path) -> None:
    runs = read_score_file(home / "scores.parquet").runs
    assert [run.config["seed"] for run in runs] in ([0], [0, 1])


ACTS = [
    Act("arrays", nothing, arrays, nothing),
    Act("save a set", nothing, save_new, nothing),
    Act("save over a set", save_old, save_over, old_or_new_set),
    Act("decoded images", pictures, decode, nothing),
    Act("scores", nothing, score, whole_results),
    Act("score file", score_file_old, score_file, old_or_new_scores),
    Act("teacher", nothing, teach, whole_results),
    Act("checkpoint", nothing, train, nothing),
    Act("stored labels", teacher_there, label, whole_results),
    Act("distilled set", distil_teacher, distil, whole_results),
    Act("grid", nothing, grid, whole_results),
    Act("manifest", manifest_old, manifest, some_manifest),
    Act("figure", lambda home: draw(home, 1) and None, lambda home: draw(home, 2), figure_parts),
    Act("evidence rows", plan, add_rows, old_or_new_rows),
]


def write_in_place(home: Path) -> str:
    """How not to do it: what the harness must find."""
    with (home / "numbers.json").open("w") as file:
        file.write("[1, ")
        file.flush()
        (home / "half").mkdir(exist_ok=True)
        file.write("2]")
    return (home / "numbers.json").read_text()


def readable(home: Path) -> None:
    json.loads((home / "numbers.json").read_text())


def old_numbers(home: Path) -> None:
    (home / "numbers.json").write_text("[0]")


UNSAFE = Act("written in place", old_numbers, write_in_place, readable)
