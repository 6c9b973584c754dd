"""A notebook's parameters: read from its cell, checked, lists of numbers."""

import pytest

import rdc_kit as rdc
from rdc_kit.notebook import parameters


@pytest.fixture(autouse=True)
def named(monkeypatch):
    """No test says of itself that it is a notebook of the kit, unless it wants to."""
    monkeypatch.setenv("RDC_NOTEBOOK", "tiny")
    monkeypatch.delenv("RDC_RUN_DIR", raising=False)


def test_wrong_parameters_fail_at_once(fresh_home):
    with pytest.raises(TypeError, match="ipc must be int, got 'ten'"):
        rdc.start(ipc="ten")
    with pytest.raises(TypeError, match="seeds must be int, got True"):
        rdc.start(seeds=True)
    with pytest.raises(TypeError, match="unknown parameter 'sed'"):
        rdc.start(sed=3)
    with pytest.raises(ValueError, match="profile='huge' must be one of smoke, small, paper"):
        rdc.start(profile="huge")
    with pytest.raises(ValueError, match="unknown dataset 'digit' - did you mean 'digits'"):
        rdc.start(dataset="digit")
    with pytest.raises(ValueError, match="results='here' is not usable: results are in runs"):
        rdc.start(results="here")
    with pytest.raises(ValueError, match="ipc=0 must be at least 1"):
        rdc.start(ipc=0)
    assert not (fresh_home / "data").exists()


@pytest.mark.parametrize(
    ("text", "expected"), [("1 10", (1, 10)), ("10,1", (1, 10)), ("5 5", (5,)), (" 3 ", (3,))]
)
def test_lists_of_numbers_are_read_in_order(text, expected):
    assert parameters.numbers(text) == expected


@pytest.mark.parametrize("text", ["1 x", "", "0", "-3", "1.5"])
def test_other_lists_are_refused(text):
    with pytest.raises(ValueError, match="expected whole numbers such as '1 10'"):
        parameters.numbers(text)


def test_in_a_notebook_the_parameters_are_those_of_its_cell(fresh_home):
    """Names with a type beside, as papermill reads them; a later cell may have changed a value."""
    cell = {"rdc": rdc}
    exec('dataset: str = "digits"\nipcs: str = "1 3"\nseeds: int = 0', cell)
    cell["ipcs"] = "2 4"  # as papermill's injected cell does
    cell["size"] = 99  # no parameter of this notebook
    exec("run = rdc.start()", cell)
    run = cell["run"]
    assert run.params == {"dataset": "digits", "ipcs": "2 4", "seeds": 0}
    assert (run.ipcs, run.ipc, run.size) == ((2, 4), 4, 32)


def test_a_slip_in_a_parameters_name_is_found(fresh_home):
    cell = {"rdc": rdc}
    exec('datset: str = "digits"\nmine: int = 3', cell)
    with pytest.raises(TypeError, match="unknown parameter 'datset' - did you mean 'dataset'"):
        exec("rdc.start()", cell)


def test_a_slip_in_what_papermill_is_given_is_found(fresh_home):
    """`papermill -p epoch 3` ran to its end on the defaults, and was called ok."""
    cell = {"rdc": rdc, "student": "resnet18", "In": ["", "seeds: int = 0", "student = 3"]}
    exec("seeds: int = 0", cell)
    known = {**cell, "In": [*cell["In"], "# Parameters\nseeds = 2\nmine = 3\n"], "seeds": 2}
    assert parameters.own_parameters(known) == {"seeds": 2}
    slip = {**cell, "In": [*cell["In"], "# Parameters\nseeds = 2\nepoch = 3\n"]}
    with pytest.raises(TypeError, match="unknown parameter 'epoch' - did you mean 'epochs'"):
        parameters.own_parameters(slip)
    assert parameters.own_parameters(cell) == {"seeds": 0}  # what a reader names is no slip
