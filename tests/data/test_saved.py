"""Saved sets come back whole from their folder, its inner folder, their file and the Hub."""

import json
from dataclasses import replace

import huggingface_hub
import pytest
import torch
from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

import rdc_kit as rdc
from rdc_kit.__main__ import main
from rdc_kit.data import hub

from ..conftest import colour_blocks
from .conftest import _value, encoded, image_features, parquet, refuses


@pytest.fixture
def composites(tmp_path, fresh_home):
    pool = colour_blocks(per_class=8)
    pool = replace(pool, traits=replace(pool.traits, flip=False))
    made = rdc.compress("pca", pool, 2, order="random")
    return made, made.save(tmp_path / "set")


def same(found, made):
    assert found.fingerprint() == made.fingerprint()  # grid, view and traits are in it
    assert torch.equal(found.members, made.members)
    assert found.provenance["method"] == "pca"
    contents = [images.origins.of(made.members.numpy())["content"] for images in (found, made)]
    assert (contents[0] == contents[1]).all()


def test_a_saved_set_is_the_same_by_its_file_or_its_inner_folder(composites, monkeypatch):
    """They were photographs that may be mirrored, shown whole."""
    made, folder = composites
    for place in ("data", "data/train-00000-of-00001.parquet"):
        same(rdc.load(f"parquet:{folder / place}").train, made)
    monkeypatch.chdir(folder / "data")
    same(rdc.load("parquet:.").train, made)


def on_the_hub(monkeypatch, folder, missing=EntryNotFoundError):
    """The Hub's clients, as if they had downloaded a folder."""
    datasets = hub.datasets_library()

    class Library:
        def __getattr__(self, name):
            return getattr(datasets, name)

        def load_dataset(self, _, cache_dir):
            return datasets.load_dataset(str(folder), cache_dir=cache_dir)

    def download(_, name, repo_type, revision, cache_dir):
        if not (folder / name).is_file():
            raise missing("not there")
        return str(folder / name)

    monkeypatch.setattr(hub, "datasets_library", Library)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)


def test_a_set_that_was_published_comes_back_from_the_hub(composites, tmp_path, monkeypatch):
    made, folder = composites
    assert main(["publish", str(folder), str(tmp_path / "published")]) == 0
    on_the_hub(monkeypatch, tmp_path / "published")
    same(rdc.load("hub:me/set").train, made)


def test_composites_that_lack_their_facts_are_refused(composites, monkeypatch):
    _, folder = composites
    (folder / "originals.csv").unlink()
    (folder / "rdc.json").unlink()
    said = ("holds composites", "parquet:FOLDER of the whole folder", "with rdc.json beside data/")
    for place in (".", "data", "data/train-00000-of-00001.parquet"):
        refuses(f"parquet:{folder / place}", *said)
    on_the_hub(monkeypatch, folder)
    refuses("hub:me/set", "me/set holds composites", *said)


def test_facts_that_cannot_be_fetched_are_not_taken_for_none(composites, monkeypatch):
    _, folder = composites
    (folder / "rdc.json").unlink()
    on_the_hub(monkeypatch, folder, LocalEntryNotFoundError)
    refuses("hub:me/set", "cannot load 'me/set' from the Hugging Face Hub (LocalEntryNotFound")


def test_without_network_a_list_that_never_was_there_is_not_missed(fresh_home, monkeypatch):
    made = rdc.compress("noise", colour_blocks(), 2)
    folder = made.save(fresh_home / "set")
    assert not (folder / "originals.csv").exists()
    on_the_hub(monkeypatch, folder, LocalEntryNotFoundError)
    refuses("hub:me/set", "cannot load 'me/set'")
    seen = huggingface_hub._CACHED_NO_EXIST
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: seen)
    assert rdc.load("hub:me/set").train.fingerprint() == made.fingerprint()


def test_a_table_of_the_hub_that_is_no_saved_set_asks_for_no_facts(tmp_path, monkeypatch):
    columns = {"image": [encoded(0), encoded(1)], "label": [1, 0], "row_id": [5, 6]}
    kinds = {"label": _value("int64"), "row_id": _value("int64")}
    (tmp_path / "set").mkdir()
    parquet(tmp_path / "set" / "train.parquet", columns, image_features(kinds))
    on_the_hub(monkeypatch, tmp_path / "set", ZeroDivisionError)
    assert rdc.load("hub:me/set").train.row_ids.tolist() == [0, 1]


def test_facts_of_the_hub_that_are_damaged_are_said_to_be(composites, monkeypatch):
    _, folder = composites
    (folder / "rdc.json").write_text("{")
    on_the_hub(monkeypatch, folder)
    refuses("hub:me/set", "rdc.json is not what save wrote")


def test_a_saved_table_that_lost_its_row_ids_is_told(composites, fresh_home):
    import datasets

    _, folder = composites
    table = folder / "data" / "train-00000-of-00001.parquet"
    rows = datasets.Dataset.from_parquet(str(table), cache_dir=str(fresh_home / "hf"))
    rows.remove_columns("row_id").to_parquet(str(table))
    refuses(f"parquet:{folder}", "is not what save wrote", "no column row_id", "remove rdc.json")


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("traits", {"size": 16, "hue": 1}, "hue is no trait; a newer kit may know it"),
        ("traits", ["size"], "traits and provenance must be tables"),
        ("provenance", None, "traits and provenance must be tables"),
        ("grid", 4, "grid must be [rows, columns] of cells, got 4"),
        ("grid", [2, "2"], "grid must be [rows, columns] of cells, got [2, '2']"),
        ("grid", [0, 2], "grid must be [rows, columns] of cells, got [0, 2]"),
    ],
)
def test_facts_of_another_kind_than_save_writes_are_told(key, value, told, composites):
    _, folder = composites
    facts = json.loads((folder / "rdc.json").read_text())
    (folder / "rdc.json").write_text(json.dumps(facts | {key: value}))
    refuses(f"parquet:{folder}", f"rdc.json is not what save wrote ({told})", "save the set again")
