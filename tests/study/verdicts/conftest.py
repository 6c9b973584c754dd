"""Finished notebook runs, and rows of a plan, with known numbers in them."""

import pandas as pd
import torch

from rdc_kit.ground import files
from rdc_kit.train.accuracy import pack

SETTING = {"dataset": "digits", "size": 32, "profile": "small"}
TESTS = 400


def write(home, name, tables, status="ok", profile="small", **setting):
    """A finished notebook run on disk."""
    folder = home / "data" / "runs" / "notebooks" / name
    facts = {"status": status, "setting": SETTING | {"profile": profile} | setting}
    files.write_json(folder / "manifest.json", facts)
    for key, table in tables.items():
        table.to_csv(folder / f"{key}.csv", index=False)


def arms(values, **facts):
    """A tidy table: key of an arm -> accuracies, one per seed."""
    rows = [
        {"arm": arm, "method": arm.split()[0], "seed": seed, "top1": float(value)}
        for arm, given in values.items()
        for seed, value in enumerate(given)
    ]
    usual = {"family": "pruning", "ipc": 1, "epochs": 150, "student": "net", "steps": 5}
    usual |= {"protocol": "hard", "per_class": "1 2 3"}
    table = pd.DataFrame(rows).assign(**{**SETTING, **usual, **facts})
    hashes = table.astype(str).agg("".join, axis=1)
    return table.drop(columns="profile").assign(run_hash=hashes)


def rows_of(line, top1):
    """Rows of a line with given accuracies: {arm: one per seed}."""
    rows = []
    setting = {"dataset": line.setting.dataset, "size": line.setting.size, "profile": ""}
    for trial in line.trials:
        if trial.seed >= len(top1[trial.arm.key]):
            continue
        value = top1[trial.arm.key][trial.seed]
        hits = torch.arange(TESTS) < round(TESTS * value / 100)
        row = setting | {"arm": trial.arm.key, "method": trial.arm.method, "labels": "hard"}
        row |= {"order": "easy", "skip": trial.arm.options.get("skip", 0.0), "ipc": trial.ipc}
        row |= {"budget": trial.ipc, "protocol": "hard", "epochs": 300}
        row |= {"student": trial.student, "seed": trial.seed, "set_seed": trial.seeds.set}
        row |= {"training_seed": trial.seeds.training, "top1": value, "tests": TESTS}
        scored = trial.arm.key == "el2n"
        row |= {"scoring_seed": trial.seeds.scoring if scored else None, "teacher_seed": None}
        rows.append(row | {"hits": pack(hits), "run_hash": f"{line.key}{len(rows)}"})
    return pd.DataFrame(rows)
