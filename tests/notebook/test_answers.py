"""How an answer is read: what is none, what is of the wrong kind, which slip it is."""

import numpy as np
import pytest
import torch

from rdc_kit.notebook import answers
from rdc_kit.notebook.answers import Interval, NotYet


@pytest.mark.parametrize("value", [2, 2.0, np.float32(2), torch.tensor(2.0), np.array(2)])
def test_every_kind_of_number_is_a_number(value):
    assert answers.as_number(value) == 2.0


@pytest.mark.parametrize("value", ["2", True, None, [1, 2], {}])
def test_other_things_are_told_in_a_sentence(value):
    with pytest.raises(NotYet, match="expected a number, got"):
        answers.as_number(value)


def test_values_have_a_shape_and_no_gaps():
    assert answers.as_values([[1, 2]], (1, 2)).tolist() == [[1, 2]]
    with pytest.raises(NotYet, match=r"expected shape \(2,\), got \(3,\)"):
        answers.as_values(torch.zeros(3), (2,))
    with pytest.raises(NotYet, match="there is a NaN"):
        answers.as_values([1.0, float("nan")], (2,))
    with pytest.raises(NotYet, match="got a str"):
        answers.as_values("ab", (2,))


def test_a_function_is_asked_and_its_faults_are_told():
    assert answers.ask(lambda a, b: a + b, 1, 2) == 3
    with pytest.raises(answers.Unanswered):
        answers.ask(lambda: ...)
    with pytest.raises(NotYet, match="your function stops with ZeroDivisionError"):
        answers.ask(lambda: 1 / 0)
    with pytest.raises(NotYet, match="expected a function, got a int"):
        answers.ask(5)


def test_a_known_slip_is_named():
    answers.expect(1.00001, 1.0, {}, "")
    with pytest.raises(NotYet, match="twice"):
        answers.expect(2.0, 1.0, {"that is twice as much": 2.0}, "no")
    with pytest.raises(NotYet, match="no idea"):
        answers.expect(3.0, 1.0, {"that is twice as much": 2.0}, "no idea")


def test_an_interval_says_its_n():
    assert str(Interval(1.25, -3, 5.5, 3)) == "+1.2 (-3.0 to +5.5, n = 3)"


def test_exercises_are_told_by_their_tag():
    assert answers.is_exercise({"metadata": {"tags": ["exercise"]}})
    assert not answers.is_exercise({"metadata": {}})
