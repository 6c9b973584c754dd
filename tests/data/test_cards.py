"""Cards: YAML that the Hub reads, no place of this machine, a training that runs."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

import rdc_kit as rdc
from rdc_kit.data import cards

from ..conftest import colour_blocks


def head_of(text):
    return yaml.safe_load(text.split("---\n")[1])


@pytest.mark.parametrize("name", ["set", "a: b", "- [x]", "été #1", "'quoted'"])
def test_any_name_makes_yaml_that_can_be_read(name, blocks):
    text = cards.card(blocks, name)
    head = head_of(text)
    assert head["pretty_name"] == name
    assert head["size_categories"] == ["n<1K"]
    assert head["configs"][0]["data_files"] == [{"split": "train", "path": "data/train-*"}]
    assert "license" not in head
    assert "- source: blocks" in text


def test_facts_are_told_in_words_and_unknown_ones_by_their_keys(blocks):
    facts = {"tie_mass": 0.25, "teacher_top1": 91.5, "spectrum": "white"}
    text = cards.card(replace(blocks, provenance=facts), "set")
    assert "- share of a class with the score at the cut: 0.25\n" in text
    assert "- accuracy of the teacher on the pool, %: 91.5\n" in text
    assert "- spectrum: white\n" in text
    assert not re.search(r"tie.{0,2}mass", text)


def test_places_of_this_machine_are_left_out():
    facts = {"source": "folder:/home/me/my cats/", "read_from": "parquet:/tmp/x"}
    facts |= {"mapped": False, "scores": "s.parquet el2n_seed0", "ipc": 3}
    told = cards.public(facts)
    assert told == {"source": "folder:my cats", "scores": "s.parquet el2n_seed0", "ipc": 3}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("parquet:/home/me/s", "parquet:s"),
        ("mine list=/home/me/a b/s.pt skip=0.5", "mine list=s.pt skip=0.5"),
        ("~/x/s.pt", "s.pt"),
        ("../x/s.pt", "s.pt"),
        (r"C:\me\s.pt", "s.pt"),
        ("hub:owner/name", "hub:owner/name"),
        ("https://arxiv.org/abs/1", "https://arxiv.org/abs/1"),
        ([{"set": "/home/me/s.pt"}, 3], [{"set": "s.pt"}, 3]),
    ],
)
def test_of_a_file_the_last_name_is_told(text, told):
    assert cards.without_place(text) == told


def test_results_are_told_way_by_way(blocks):
    way = {"protocol": "hard", "labels": "hard", "student": "convnet3", "epochs": 300}
    rows = [way | {"top1": 40.0}, way | {"top1": 42.0}, way | {"student": "resnet18", "top1": 39}]
    text = cards.published_card(blocks, "n", "OWNER/n", "mit", {}, pd.DataFrame(rows))
    assert "| hard | hard | convnet3 | 300 | 41.0 (sd 1.4) | 2 |" in text
    assert "| hard | hard | resnet18 | 300 | 39.0 | 1 |" in text
    table = pd.DataFrame(rows).assign(tests=15)
    text = cards.published_card(blocks, "n", "OWNER/n", "mit", {}, table)
    assert "| top-1, % | runs | test images |\n|" in text
    assert "| hard | hard | resnet18 | 300 | 39.0 | 1 | 15 |" in text
    assert head_of(text)["license"] == "mit"


def test_sets_in_folders_of_one_name_are_told_apart_as_the_card_says(tmp_path, monkeypatch):
    """By the folder alone, the second set that is read is the first one."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    for seed in (0, 1):
        home = colour_blocks(seed=seed).save(tmp_path / str(seed) / "chosen")
        (call,) = re.findall(r"`(datasets\.load_dataset\(.*?\))`", (home / "README.md").read_text())
        rows = eval(call.replace("<this folder>", str(home)), {"datasets": datasets})["train"]
        found = torch.stack([torch.tensor(np.array(image)) for image in rows["image"]])
        assert torch.equal(found.permute(0, 3, 1, 2), colour_blocks(seed=seed).images)


@pytest.mark.parametrize(("grid", "images"), [(1, 8), (2, 8), (3, 2)])
def test_the_training_of_the_card_runs_on_whole_images_or_cells(
    grid, images, tmp_path, monkeypatch
):
    """One of its steps; composites with cells of several sizes, 3 x 3 in 16 px, are shown whole."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    pool = colour_blocks(per_class=18)
    easy = rdc.select(pool, None, 18 if grid == 3 else 8, "random")
    stored = easy if grid == 1 else rdc.combine(easy, grid)
    stored.save(tmp_path / "set")
    text = cards.published_card(stored, "n", str(tmp_path / "set"), "mit", {})
    (code,) = re.findall(r"```python\n(import torch.*?)```", text, flags=re.S)
    assert len([line for line in code.splitlines() if line and "import" not in line]) <= 13
    space = {}
    exec(code.replace("range(3000)", "range(1)"), space)
    assert space["x"].shape == (3 * images, 3, 16, 16)
    assert space["y"].tolist() == sorted(space["y"].tolist())
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (pool.traits.mean, pool.traits.std))
    if grid == 1:
        assert torch.allclose(space["x"], (stored.images / 255 - mean) / std, atol=1e-5)
    if grid == 2:
        first = (stored.images[0] / 255 - mean) / std
        corner = torch.nn.functional.interpolate(first[None, :, :8, 8:], 16)
        assert torch.allclose(space["x"][1], corner[0], atol=1e-5)
