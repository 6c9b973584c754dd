"""The page of figures: what is planned first, and each figure with its question and its origin."""

import re

import pytest

from rdc_kit.commands.book import pictures
from rdc_kit.ground import files
from rdc_kit.ground.folders import source_dir
from rdc_kit.study.figures.paper import REMADE

PLANNED = {"shows": "Table 5", "git": "abc-dirty", "rows_dataset": ["a_b"], "rows_ipc": ["1", "3"]}
PHOTOGRAPHS = {"shows": "the price of labels", "git": "def", "rows_dataset": ["imagenette"]}
OWN = {"parameters": {"dataset": "digits", "size": 32, "ipc": 10, "epochs": 0}}


@pytest.fixture
def page(tmp_path):
    """The page of figures of all kinds, whose names have another order."""
    folder = tmp_path / "figures" / "evidence"
    facts = {
        "03_sets-digits-32px-ipc10": OWN,
        "another": {},
        "paper/ablations-digits-32px": {"rows_dataset": ["digits"], "shows": "Table 7"},
        "paper/orders-digits-32px": {"rows_dataset": ["digits"]},
        "paper/planned_first_look-a_b": PLANNED,
        "paper/price-imagenette": PHOTOGRAPHS,
        "paper/room": {"shows": "what each step is worth, by room"},
        "speed-grid": {},
    }
    (folder / "paper").mkdir(parents=True)
    for name, known in facts.items():
        (folder / f"{name}.png").write_bytes(b"")
        if known:
            files.write_json(folder / f"{name}.json", known)
    (folder / "paper" / "planned_first_look-a_b.csv").write_text("")
    (folder / "._another.png").write_bytes(b"\x00\x05\x16\x07")  # a Mac's note, no figure
    return pictures.figures_page(folder)


def test_what_was_planned_comes_first_and_what_is_for_playing_late(page):
    headings = re.findall(r"^##+ (.*)", page, flags=re.M)
    assert [heading.replace("\\", "") for heading in headings] == [
        *("What was planned", "Room", "First look: a_b, 1, 3 per class"),
        *("Photographs, not planned", "Price: imagenette"),
        *("Digits", "Orders: digits", "Ablations: digits", "Sets: digits, 32 px, 10 per class"),
        *("The kit", "Speed grid", "Another"),
    ]


def test_a_figure_has_its_question_and_its_facts_as_far_as_they_are_known(page):
    parts = [part.strip() for part in re.split(r"^###? ", page, flags=re.M)]
    (look,) = [part for part in parts if part.startswith("First look")]
    place = "figures/evidence/paper/planned_first_look-a_b"
    assert look.endswith(
        f"({place}.png)\n\n```{{container}} facts\nin the paper: Table 5; "
        f"[the plotted numbers]({place}.csv); drawn by git abc with uncommitted changes\n```"
    )
    assert f"\n\n{pictures.escaped(pictures.QUESTIONS['first_look'])}\n\n![" in look
    (price,) = [part for part in parts if part.startswith("Price")]
    assert price.endswith("facts\ndrawn by git def\n```")  # which is nothing of the paper's
    assert parts[-1] == "Another\n\n![Another](figures/evidence/another.png)"


def test_every_committed_figure_has_a_question():
    folder = source_dir() / "figures" / "evidence"
    named = {pictures._name(path.stem) for path in folder.rglob("*.png")}
    named |= {pictures._name(one.name) for one in REMADE}
    assert named - set(pictures.QUESTIONS) == set()
    assert all(asked.endswith("?") for asked in pictures.QUESTIONS.values())
