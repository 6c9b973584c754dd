"""The verb publish: a folder for the Hub, its card, its results, and what is refused."""

import json
import shutil

import pandas as pd
import pytest
import yaml

import rdc_kit as rdc
from rdc_kit.__main__ import main

from ..conftest import colour_blocks


@pytest.fixture
def saved(tmp_path):
    made = rdc.compress("pca", colour_blocks(per_class=8), 2, order="random")
    made.save(tmp_path / "set")
    return made


def results_of(images, path):
    way = {"protocol": "hard", "labels": "hard", "student": "convnet3", "epochs": 300}
    rows = [way | {"top1": 40.0 + k, "set_hash": images.fingerprint()} for k in range(2)]
    rows.append(way | {"top1": 99.0, "set_hash": "another"})
    pd.DataFrame(rows).to_csv(path, index=False)
    return str(path)


def test_a_published_set_says_how_it_was_made_and_what_it_is_worth(saved, tmp_path, capsys):
    import datasets

    hub, table = tmp_path / "my sét", results_of(saved, tmp_path / "runs.csv")
    call = ["publish", str(tmp_path / "set"), str(hub), "--license", "CC-BY-4.0"]
    assert main([*call, "--results", table]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[-2] == f"send it: hf upload OWNER/my-set '{hub}' . --repo-type dataset"
    assert told[-1].endswith("nothing was sent")
    card = (hub / "README.md").read_text()
    head = yaml.safe_load(card.split("---\n")[1])
    assert head["license"] == "cc-by-4.0"
    assert head["task_categories"] == ["image-classification"]
    assert "pca" in head["tags"]
    facts = json.loads((hub / "rdc.json").read_text())
    assert facts["set_hash"] == saved.fingerprint()
    for part in ("seed: 0", "grid: [2, 2]", "torch 2", facts["config_hash"], facts["set_hash"]):
        assert part in card
    assert "| hard | hard | convnet3 | 300 | 40.5 (sd 0.7) | 2 |" in card
    assert pd.read_csv(hub / "results.csv")["top1"].tolist() == [40.0, 41.0]
    assert rdc.load(f"parquet:{hub}").train.fingerprint() == saved.fingerprint()
    found = datasets.load_dataset(str(hub), cache_dir=str(tmp_path / "cache"))
    assert {name: len(part) for name, part in found.items()} == {"train": len(saved)}
    before = {path: path.read_bytes() for path in hub.rglob("*") if path.is_file()}
    assert main(call) == 2
    assert "exists: choose another folder" in capsys.readouterr().err
    assert before == {path: path.read_bytes() for path in hub.rglob("*") if path.is_file()}


def test_a_licence_that_nobody_named_is_called_unknown(saved, tmp_path, capsys):
    assert main(["publish", str(tmp_path / "set"), str(tmp_path / "hub")]) == 0
    assert "the card says that the licence is unknown" in capsys.readouterr().out
    card = (tmp_path / "hub" / "README.md").read_text()
    assert "license: unknown" in card
    assert "The licence is not known." in card


def test_no_place_of_this_machine_is_published(folder_of_pictures, tmp_path):
    pool = rdc.load(f"folder:{folder_of_pictures}", size=16).train
    made = rdc.compress("random", pool, 1)
    made.save(tmp_path / "set")
    table = tmp_path / "runs.csv"
    results_of(made, table)
    rows = pd.read_csv(table).assign(dataset=f"folder:{folder_of_pictures}")
    rows.assign(arm=f"mine list={tmp_path}/a.pt").to_csv(table, index=False)
    call = ["publish", str(tmp_path / "set"), str(tmp_path / "hub"), "--results", str(table)]
    assert main(call) == 0
    kept = pd.read_csv(tmp_path / "hub" / "results.csv")
    assert set(kept["dataset"]) == {"folder:pictures"}
    for path in (tmp_path / "hub").glob("*.*"):
        assert str(tmp_path) not in path.read_text(), path
    assert "folder:pictures" in (tmp_path / "hub" / "README.md").read_text()


@pytest.fixture
def folder_of_pictures(tmp_path):
    from ..conftest import picture

    for k in range(4):
        picture(tmp_path / "pictures" / "ab"[k % 2] / f"{k}.png", k)
    return tmp_path / "pictures"


WRONG = {
    "no saved set": (["HERE", "hub"], "is no saved set (no rdc.json)"),
    "nothing there": (["none", "hub"], "is no saved set"),
    "nothing told": (["EMPTY", "hub"], "is not what save wrote"),
    "a licence": (["set", "hub", "--license", "My own!"], "one of the Hub's names"),
    "no results": (["set", "hub", "--results", "none.csv"], "is no file"),
    "no hashes": (["set", "hub", "--results", "bare.csv"], "it lacks epochs, labels"),
    "other sets": (["set", "hub", "--results", "other.csv"], "none of the 1 rows"),
    "no csv": (["set", "hub", "--results", "empty.csv"], "is no csv of runs"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_refused(name, saved, tmp_path, monkeypatch, capsys):
    words, said = WRONG[name]
    (tmp_path / "HERE").mkdir()
    shutil.copytree(tmp_path / "set", tmp_path / "EMPTY")
    (tmp_path / "EMPTY" / "rdc.json").write_text("{}")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "bare.csv").write_text("top1\n40\n")
    results_of(saved, tmp_path / "all.csv")
    pd.read_csv(tmp_path / "all.csv").tail(1).to_csv(tmp_path / "other.csv", index=False)
    monkeypatch.chdir(tmp_path)
    assert main(["publish", *words]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert len(told.strip().splitlines()) == 1
    assert not (tmp_path / "hub").exists()
