"""Exercises: what a check says, and that each has one check, one solution, one place."""

import json
import re

import numpy as np
import pytest
import torch

import rdc_kit as rdc
from rdc_kit.ground.folders import notebooks_dir
from rdc_kit.notebook import exercises
from rdc_kit.notebook.answers import Interval, NotYet, is_exercise

NOTEBOOKS = sorted(notebooks_dir().glob("[0-9]*.ipynb"))


@pytest.fixture
def four(monkeypatch):
    """An exercise whose answer is 4."""

    def check(answer, result=4.0):
        if answer != 4:
            raise NotYet("it is even")
        return result

    monkeypatch.setitem(exercises.CHECKS, "99-1", check)


def test_a_check_says_one_calm_line(four, capsys):
    def said(answer, prediction, *given):
        rdc.check("99-1", answer, prediction, *given)
        return capsys.readouterr().out

    assert said(..., ...) == "99-1: not answered yet.\n"
    assert said(..., 3) == "99-1: not answered yet; your prediction is noted.\n"
    assert said(5, 3) == "99-1: not yet: it is even.\n"
    assert said(4, 3) == "99-1: right. You predicted 3; it is 4.\n"
    assert said(4, 4) == "99-1: right. It is 4, as you predicted.\n"
    assert said(4, ...) == "99-1: right; but predict first, that is half of the exercise.\n"
    assert said(4, "Rule", "rule").endswith("It is rule, as you predicted.\n")
    inside = Interval(1, 0, 2, 3)
    assert said(4, 1.5, inside).endswith("your runs say +1.0 (+0.0 to +2.0, n = 3): inside.\n")
    assert said(4, "much", inside).endswith("n = 3): outside.\n")


@pytest.mark.parametrize("number", [np.int64(18), np.float64(18), torch.tensor(18)], ids=str)
def test_a_prediction_may_be_a_number_of_numpys_or_torchs(number):
    assert exercises.verdict("07-1", 225_000_000, number) == exercises.verdict(
        "07-1", 225_000_000, number.item()
    )


def test_nothing_that_an_answer_does_is_a_traceback(four):
    class Odd:
        def __eq__(self, other):
            raise RuntimeError("no\nno")

        __hash__ = None

    said = exercises.verdict("99-1", Odd(), 3)
    assert said == "not yet: the answer cannot be read (RuntimeError: no)."
    assert exercises.verdict("02-2", lambda z, y: ..., ...) == "not answered yet."
    assert "prediction is noted" in exercises.verdict("02-2", lambda z, y: ..., 3)
    stops = exercises.verdict("02-2", lambda z, y: z @ Odd, 3)
    assert stops.startswith("not yet: your function stops with TypeError: ")

    def wordy(logits, labels):
        raise ValueError("first\nsecond")

    assert exercises.verdict("02-2", wordy, 3).endswith("ValueError: first.")
    assert "unknown exercise '02-9' - did you mean '02-" in exercises.verdict("02-9", 1, 1)


@pytest.mark.parametrize("answer", ["x", 3, [1], {}, None, print, lambda *_: None])
def test_no_check_takes_fright(answer):
    """Whatever stands there, without what the exercise hands over too: one line."""
    for name in exercises.CHECKS:
        said = exercises.verdict(name, answer, 0)
        assert said.startswith(("not yet: ", "right"))
        assert "\n" not in said


def cells(path):
    return json.loads(path.read_text())["cells"]


def ids_of(path):
    """Numbers of the exercises of a notebook, by the id of the cell and by its call."""
    found = []
    for cell in filter(is_exercise, cells(path)):
        (called,) = re.findall(
            r'rdc\.check\("(\d\d-\d)", answer, prediction', "".join(cell["source"])
        )
        assert cell["id"] == f"exercise-{called}"
        found.append(called)
    return found


def test_every_exercise_has_one_check_and_one_solution():
    asked = [name for path in NOTEBOOKS for name in ids_of(path)]
    folder = notebooks_dir() / "solutions"
    answered = [name for path in sorted(folder.glob("*.ipynb")) for name in ids_of(path)]
    assert sorted(asked) == sorted(answered) == sorted(exercises.CHECKS)
    assert len(set(asked)) == len(asked)
    for path in NOTEBOOKS:
        count = 0 if path.stem[:2] in ("09", "90") else 3
        assert ids_of(path) == [f"{path.stem[:2]}-{k}" for k in range(1, count + 1)]


def test_exercise_cells_are_unanswered_and_solutions_are_not():
    for path in NOTEBOOKS:
        for cell in filter(is_exercise, cells(path)):
            assert "prediction = ...  #" in "".join(cell["source"])
            assert cell["metadata"]["tags"] == ["exercise", "raises-exception"]
        for code in exercises.solutions_of(path).values():
            assert "..." not in code


def test_a_solved_notebook_differs_in_its_exercise_cells_only():
    path = NOTEBOOKS[0]
    before, after = cells(path), exercises.solved(path)["cells"]
    changed = [a["id"] for a, b in zip(before, after, strict=True) if a != b]
    assert changed == ["exercise-00-1", "exercise-00-2", "exercise-00-3"]
    assert "".join(after[-3]["source"]) != ""
    assert exercises.solutions_of(path.with_name("unknown.ipynb")) == {}
