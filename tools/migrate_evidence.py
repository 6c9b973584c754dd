"""Once: give the committed tables a column for everything that an experiment varies.

Arms were joined by display text before; here the text is turned into arms, whose key and columns
the tables then hold. Run from the root: `python tools/migrate_evidence.py`; it stays in the
history only.
"""

import re
from pathlib import Path

import pandas as pd

from rdc_kit.data.sources import traits_of
from rdc_kit.distill.recipes import RECIPES, recipe
from rdc_kit.methods import METHODS
from rdc_kit.study.grid.arms import Arm
from rdc_kit.study.grid.rows import COLUMNS

FOLDER = Path("data/evidence")
VIEW = {"whole": "whole", "shuffled": "shuffle", "extracted": "cell"}
METRIC = {"EL2N": "el2n", "AUM": "aum", "Forgetting": "forgetting"}
TITLES = {
    "SRe2L": "sre2l", "CDA": "cda", "G-VBSM": "gvbsm", "LPLD": "lpld", "DWA": "dwa", "RDED": "rded",
}  # fmt: skip
RULE = {
    "single": {"grid": 1}, "1 x 2": {"grid": (1, 2)}, "2 x 2, alike in rank": {},
    "2 x 2, neighbours": {"grouping": "sequential"}, "2 x 2, by lot": {"grouping": "random"},
    "3 x 3, alike in rank": {"grid": 3},
}  # fmt: skip
UNMIXED = {"loss": "ce_unmixed"}
NAMED = {
    "random": Arm("random"),
    "easiest": Arm("el2n"),
    "P: easiest": Arm("el2n"),
    "hardest": Arm("el2n", {"order": "hard"}),
    "easiest, combined, seen whole": Arm("pca", {}, {"view": "whole"}),
    "easiest, combined, shuffled": Arm("pca", {}, {"view": "shuffle"}),
    "easiest, combined, extracted": Arm("pca"),
    "random, combined, extracted": Arm("pca", {"order": "random"}),
    "P + C, seen whole": Arm("pca", {}, {"view": "whole"}),
    "P + C, shuffled": Arm("pca", {}, {"view": "shuffle"}),
    "PCA": Arm("pca"),
    "random originals": Arm("pca", {"order": "random"}),
    "by AUM": Arm("pca", {"metric": "aum"}),
    "by Forgetting": Arm("pca", {"metric": "forgetting"}),
    "1 x 1": Arm("pca", {"grid": 1}),
    "1 x 2": Arm("pca", {"grid": (1, 2)}),
    "3 x 3": Arm("pca", {"grid": 3}),
    "Cutout 0.25": Arm("pca", {}, {"cutout": 0.25}),
    "Cutout 0.5": Arm("pca", {}, {"cutout": 0.5}),
    "Mixup": Arm("pca", {}, {"mix": "mixup"}),
    "Mixup, labels unmixed": Arm("pca", {}, {"mix": "mixup"} | UNMIXED),
    "CutMix": Arm("pca", {}, {"mix": "cutmix"}),
    "CutMix, labels unmixed": Arm("pca", {}, {"mix": "cutmix"} | UNMIXED),
    "neighbours in rank": Arm("pca", {"grouping": "sequential"}),
    "random groups": Arm("pca", {"grouping": "random"}),
    "k = ipc (1 stored)": Arm("pca", {"originals_per_class": 4}),
    "AUM, spread (CCS)": Arm("ccs"),
}


def arm_of(name, number):
    """The arm that a display text stood for."""
    if number == "05" and name == "hardest":
        return Arm("pca", {"order": "hard"})
    if name in NAMED:
        return NAMED[name]
    if name in METHODS:
        return Arm(name)
    if match := re.fullmatch(r"(\w+), r = ([\d.]+)", name):
        return Arm("pca", {}, {"view": VIEW[match[1]], "crop": (float(match[2]), 1.0)})
    if match := re.fullmatch(r"(.+) \| (.+)", name):
        metric = {"order": "random"} if match[1] == "random" else {"metric": METRIC[match[1]]}
        return Arm("pca", metric | RULE[match[2]])
    if match := re.fullmatch(r"(PCA|random) on (.+)", name):
        order = {"order": "random"} if match[1] == "random" else {}
        return Arm("pca", order, pool=TITLES[match[2]])
    if name in TITLES:
        return Arm(TITLES[name])
    metric, _, order = name.partition(", ")
    return Arm(METRIC[metric], {"order": {"easiest": "easy", "hardest": "hard"}[order]})


def profile_of(number, name, dataset):
    """The profile that a file's rows were made with; "" for the command line's."""
    if number == "01" and name == "runs":
        return ""
    return "paper" if number == "03" else "small"


def settings_of(arm):
    return METHODS[arm.method].fixed | METHODS[arm.method].options | arm.options


def iterations_of(row, number, name):
    if row["method"] not in RECIPES:
        return None
    if (number, name) == ("01", "runs"):
        small = recipe(row["method"], row["size"]).iterations
        return 300 if row["dataset"] == "imagenette" else small
    return 200


def migrated(row, number, name):
    """One row with all columns."""
    arm = arm_of(row["arm"], number)
    settings = settings_of(arm)
    protocol = arm.protocol
    labels = row.get("labels", "hard")
    scored = "scoring_seed" in settings and settings.get("order") != "random"
    recovered = row["method"] in RECIPES or row["method"] == "rded"
    own = protocol.get("crop") or (
        (0.5, 1.0)
        if row.get("protocol") == "rded"
        else (traits_of(row["dataset"]).min_crop, 1.0)
    )
    soft_loss = "mse" if row.get("protocol") == "gvbsm" else "kl"
    mixed = "cutmix" if labels != "hard" else "none"
    grid = row.get("grid", "2x2" if row["method"] == "pca" else "1x1")
    rows, columns = map(int, grid.split("x"))
    made = {
        "arm": arm.key,
        "method": row["method"],
        "family": row["family"],
        "pool": arm.pool,
        "order": settings.get("order", ""),
        "metric": settings.get("metric", "") if scored else "",
        "grid": grid,
        "grouping": settings.get("grouping", ""),
        "budget": 4 if "originals_per_class" in arm.options else row["ipc"],
        "originals_per_class": 0
        if row["family"] == "distillation-noise" or row["method"] in ("noise", "dwa")
        else row["ipc"] * rows * columns,
        "iterations": iterations_of(row, number, name),
        "view": row.get("view", METHODS[row["method"]].view),
        "crop_low": own[0],
        "crop_high": own[1],
        "cutout": protocol.get("cutout", 0.0),
        "mix": protocol.get("mix", mixed),
        "loss": protocol.get("loss", "ce" if labels == "hard" else soft_loss),
        "labels": labels,
        "protocol": row.get("protocol", "hard"),
        "profile": profile_of(number, name, row["dataset"]),
        "scoring_seed": 0 if scored else None,
        "teacher_seed": 0 if recovered or labels != "hard" else None,
        "set_seed": row.get("set_seed", row["seed"]),
        "training_seed": row["seed"],
        "set_hash": "",
        "run_hash": row["config_hash"],
    }
    return row | made


def main():
    for path in sorted(FOLDER.glob("*.csv")):
        match = re.fullmatch(r"(\d\d)-(.+)-(\d+)px-(\w+)\.csv", path.name)
        if not match:
            continue
        number, name = match[1], match[4]
        table = pd.read_csv(path, keep_default_na=False, dtype=str)
        numbers = pd.read_csv(path)
        for column in ("ipc", "size", "seed", "set_seed", "epochs"):
            if column in table:
                table[column] = numbers[column]
        if "config_hash" in table:
            rows = [migrated(row, number, name) for row in table.to_dict("records")]
            found = pd.DataFrame(rows).drop(columns="config_hash")
            extra = [c for c in found if c not in COLUMNS]
            found = found[[c for c in COLUMNS if c in found] + extra]
            for column in ("iterations", "scoring_seed", "teacher_seed"):
                found[column] = found[column].astype("Int64")
        elif name in ("differences", "controls") and number not in ("01", "06"):
            found = table
            for column in ("a", "b"):
                found[column] = [arm_of(text, number).key for text in table[column]]
        elif (number, name) == ("04", "entropy"):
            views = {"stored": "stored"} | VIEW
            found = table.rename(columns={"arm": "view"})
            found["view"] = found["view"].map(views)
        elif (number, name) in (("03", "curve"), ("03", "critical")):
            sets = {"random": "random", "easiest (EL2N)": "el2n", "RDED crops": "rded"}
            found = table.assign(set=table["set"].map(sets))
        elif (number, name) == ("02", "agreement"):
            keys = {
                "EL2N": "el2n", "Forgetting": "forgetting", "AUM": "aum", "AUM (p)": "aum_prob",
                "EL2N, 2nd run": "el2n, run 2", "AUM, 2nd run": "aum, run 2",
            }  # fmt: skip
            found = table.rename(columns=keys).assign(score=table["score"].map(keys))
        elif (number, name) == ("08", "ranked"):
            pairs = [
                arm_of(f"{m} | {r}", number)
                for m, r in zip(table["metric"], table["rule"], strict=True)
            ]
            chosen = ["random" if a.options.get("order") else settings_of(a)["metric"] for a in pairs]
            grids = {1: "1x1", (1, 2): "1x2", 2: "2x2", 3: "3x3"}
            found = table.drop(columns=["metric", "rule"])
            found.insert(0, "chosen", chosen)
            found.insert(1, "grid", [grids[settings_of(a)["grid"]] for a in pairs])
            found.insert(2, "grouping", [settings_of(a)["grouping"] for a in pairs])
        else:
            continue
        found.to_csv(path, index=False)
        print(path.name, len(found))


if __name__ == "__main__":
    main()
