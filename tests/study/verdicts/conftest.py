"""Finished notebook runs on disk, with known numbers in them."""

import pandas as pd

from rdc_kit.ground import files

SETTING = {"dataset": "digits", "size": 32, "profile": "small"}


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
