"""Results, the ledger of claims and the remade figures: verdicts with known answers."""

import json
import re

import numpy as np
import pandas as pd
import pytest

import rdc_kit as rdc
from rdc_kit import notebook
from rdc_kit.ground import store
from rdc_kit.ground.runtime import checkout
from rdc_kit.study.analyses import ablations
from rdc_kit.study.figures import paper
from rdc_kit.study.verdicts import claims, effects, ledger
from rdc_kit.study.verdicts import tables as results

SETTING = {"dataset": "digits", "size": 32, "profile": "small"}


def write(home, name, tables, status="ok", profile="small", **setting):
    """A finished notebook run on disk."""
    folder = home / "data" / "runs" / "notebooks" / name
    facts = {"status": status, "setting": SETTING | {"profile": profile} | setting}
    store.write_json(folder / "manifest.json", facts)
    for key, table in tables.items():
        table.to_csv(folder / f"{key}.csv", index=False)


def arms(values, **facts):
    """A tidy table: arm -> accuracies, one per seed."""
    rows = [
        {"arm": arm, "method": arm, "seed": seed, "top1": float(value), "family": "pruning"}
        for arm, given in values.items()
        for seed, value in enumerate(given)
    ]
    usual = {"ipc": 1, "epochs": 150, "student": "net", "steps": 5, "protocol": "hard"}
    table = pd.DataFrame(rows).assign(**{**SETTING, **usual, **facts})
    hashes = table.astype(str).agg("".join, axis=1)
    return table.drop(columns="profile").assign(config_hash=hashes)


def claim(key):
    return next(one for one in claims.CLAIMS if one.key == key)


@pytest.mark.parametrize(
    ("values", "least", "expected"),
    [
        ([5.0, 5.5, 6.0], 0, "holds"),
        ([5.0, 5.5, 6.0], 5, "undecided"),
        ([5.0, 5.5, 6.0], 9, "fails"),
        ([-1.0, 4.0, 2.0], 0, "undecided"),
        ([5.0, 5.5], 0, "not evidence"),
    ],
)
def test_the_interval_decides(values, least, expected):
    assert ledger.verdict(values, least) == expected
    assert ledger.verdict(values, least, smoke=True) == "not evidence"


def test_a_claim_is_judged_in_every_setting_apart(fresh_home):
    few = arms({"easiest": [80, 81, 82], "random": [60, 62, 61]})
    many = arms({"easiest": [80, 81, 82], "random": [90, 92, 91]}, ipc=10)
    write(fresh_home, "00_start_here-a", {"runs": pd.concat([few, many])})
    rows = ledger.judge(claim("C5"), results.collect())
    assert [(r["ipc"], r["verdict"]) for r in rows] == [(1, "holds"), (10, "fails")]
    assert rows[0]["effect"] == pytest.approx(20)
    assert rows[0]["n"] == 3
    assert rows[0]["low"] < 20 < rows[0]["high"]


def test_smoke_runs_failed_runs_and_nothing_give_no_verdict(fresh_home):
    with pytest.raises(rdc.DataError, match="no results in runs: `make study` makes them"):
        results.collect()
    good = arms({"easiest": [80, 81, 82], "random": [60, 62, 61]})
    write(fresh_home, "00_start_here-a", {"runs": good}, status="failed")
    with pytest.raises(rdc.DataError):
        results.collect()
    write(fresh_home, "00_start_here-b", {"runs": good}, profile="smoke")
    (row,) = ledger.judge(claim("C5"), results.collect())
    assert row["verdict"] == "not evidence"
    (row,) = ledger.judge(claim("C12"), results.collect())
    assert (row["verdict"], row["n"]) == ("not tested", 0)


def test_runs_that_two_notebook_runs_share_count_once(fresh_home):
    good = arms({"easiest": [80, 81, 82], "random": [60, 62, 61]})
    write(fresh_home, "00_start_here-a", {"runs": good})
    write(fresh_home, "00_start_here-b", {"runs": good})
    assert len(results.collect().get("00/runs")) == 6
    assert results.collect().inputs("00/runs").keys() == {
        f"data/runs/notebooks/00_start_here-{k}/runs.csv" for k in "ab"
    }


def test_places_have_names():
    with pytest.raises(ValueError, match="results are in runs or evidence, got 'here'"):
        results.collect("here")


def test_what_is_chosen_is_chosen_on_the_other_seeds():
    """Each seed has a lucky crop of its own: on the others it is worth nothing."""
    lucky = {f"extracted, r = {r}": [50.0, 50.0, 50.0] for r in (0.02, 0.25, 0.5, 0.75, 1)}
    for seed, r in enumerate((0.25, 0.5, 0.75)):
        lucky[f"extracted, r = {r}"][seed] = 60.0
    effect = effects.interior(arms(lucky))
    assert (effect < 10).all()
    steady = dict(lucky, **{"extracted, r = 0.5": [70.0, 71.0, 72.0]})
    assert effects.interior(arms(steady)).tolist() == [20.0, 21.0, 22.0]
    with pytest.raises(effects.Absent):
        effects.interior(arms({"random": [1, 2, 3]}))


def test_leading_means_above_the_best_rival_on_average_over_networks():
    one = arms({"pca": [60, 60, 60], "el2n": [50, 50, 50], "random": [40, 40, 40]}, student="a")
    two = arms({"pca": [40, 40, 40], "el2n": [30, 50, 50], "random": [45, 40, 40]}, student="b")
    effect = effects.leads(pd.concat([one, two]))
    assert effect.tolist() == [(10 - 5) / 2, (10 - 10) / 2, (10 - 10) / 2]


def test_the_lead_of_the_easiest_shrinks_as_room_grows():
    values = {"EL2N, easiest": [80, 80, 80], "random": [60, 61, 62]}
    many = {"EL2N, easiest": [90, 90, 90], "random": [91, 91, 92]}
    table = pd.concat([arms(values), arms(many, ipc=10)])
    assert effects.shift(table).tolist() == [21.0, 20.0, 20.0]
    with pytest.raises(effects.Absent):
        effects.shift(arms(values))


def test_the_lowest_entropy_must_be_below_every_other_set():
    table = pd.DataFrame(
        {
            "method": ["el2n", "aum", "random", "rded", "noise"],
            "seed": 0,
            "stored": [0.1, 0.2, 0.5, 0.05, 0.0],
        }
    )
    assert effects.lowest_entropy(table).tolist() == pytest.approx([-0.1])


def test_every_claim_has_a_number_and_a_place_that_exists():
    keys = [one.key for one in claims.CLAIMS]
    assert len(set(keys)) == len(keys)
    assert {int(re.match(r"C(\d+)", key)[1]) for key in keys} == set(range(1, 18))
    for table, (name, heading) in claims.SHOWN.items():
        cells = json.loads((checkout() / "notebooks" / f"{name}.ipynb").read_text())["cells"]
        text = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
        assert f"\n## {heading}\n" in f"\n{text}\n", (table, heading)
        assert name.startswith(table[:2])
    assert {one.table for one in claims.CLAIMS} <= claims.SHOWN.keys()


def test_the_committed_evidence_fills_the_ledger():
    table = ledger.ledger(results.collect("evidence"))
    assert {"holds", "fails", "undecided"} <= set(table["verdict"])
    judged = table[table["verdict"].isin(["holds", "fails", "undecided"])]
    assert (judged["n"] >= 3).all()
    price = table[table["claim"] == "C16, bytes"].iloc[0]
    assert price["effect"] == pytest.approx(38.7, abs=0.1)
    text = ledger.as_markdown(table)
    assert len(text.split("\n")) == len(table) + 2
    assert "](00_start_here.ipynb#The-measurement)" in text


def test_figures_are_remade_byte_by_byte_with_their_provenance(tmp_path):
    found = results.collect("evidence")
    first, second = (paper.remake(found, tmp_path / name) for name in "ab")
    assert first.keys() == second.keys()
    assert {"ledger"} < first.keys()
    for path in sorted((tmp_path / "a").iterdir()):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name
    endings = {path.suffix for path in (tmp_path / "a").iterdir()}
    assert endings == {".png", ".pdf", ".csv", ".json"}
    name = next(name for name in first if name.startswith("first_look-digits"))
    facts = store.read_json(tmp_path / "a" / f"{name}.json")
    assert facts["rows_seed"] == ["0", "1", "2"]
    assert list(facts["inputs"]) == ["data/evidence/00-digits-32px-runs.csv"]
    assert b"/Type3" not in (tmp_path / "a" / f"{name}.pdf").read_bytes()
    plotted = pd.read_csv(tmp_path / "a" / f"{name}.csv")
    assert np.isfinite(plotted["top1"]).all()


def test_a_new_run_notes_its_setting_for_the_ledger(fresh_home):
    run = rdc.start("00_start_here", dataset="digits", profile="smoke")
    facts = store.read_json(run.folder / "manifest.json")["setting"]
    assert facts == {"dataset": "digits", "size": 32, "profile": "smoke"}
    run.table("runs", arms({"easiest": [1, 2], "random": [0, 1]}))
    notebook.finish(run, {})
    assert set(results.collect().get("00/runs")["profile"]) == {"smoke"}


def test_ablation_panels_hold_only_what_was_run(fresh_home):
    names = [arm.name for arm in ablations.parts(1)["grid"]]
    table = arms({name: [50, 51, 52] for name in names}, per_class="1 2 3", ipc=1)
    less = arms({"k = ipc (1 stored)": [40, 41, 42]}, per_class="1 2 3", ipc=9)
    write(fresh_home, "05_pca_ablations-a", {"runs": pd.concat([table, less])})
    saved = paper.remake(results.collect(), fresh_home / "out")
    assert list(saved) == ["ablations-digits-32px-ipc1-150epochs-net"]
