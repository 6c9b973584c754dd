"""Parameters as text: typed as the notebook says, refused in one sentence."""

import pytest

from rdc_kit.commands import given as parameters

from .test_run import write


@pytest.fixture
def notebook(tmp_path):
    return write(tmp_path / "tiny.ipynb")


def test_a_parameter_is_named_once():
    pairs = [["ipc", "1"], ["name", "x"]]
    assert parameters.named_once(pairs) == {"ipc": "1", "name": "x"}
    with pytest.raises(parameters.UsageError, match="ipc is given twice, '1' and '10': leave one"):
        parameters.named_once([*pairs, ["ipc", "10"]])


def test_parameters_are_read_without_running_the_notebook(notebook):
    known = parameters.declared(notebook)
    assert {n: p.kind for n, p in known.items()} == {
        "smoke": "bool", "lr": "float", "ipc": "int", "name": "str", "shapes": "list[int]",
        "plain": "int",
    }  # fmt: skip
    assert known["shapes"].default == [1, 2]


@pytest.mark.parametrize(
    ("cell", "line"),
    [
        ("%matplotlib inline\nepochs: int = 3", "%matplotlib inline"),
        ("epochs: int = 3\nepochs: int = ", "epochs: int ="),
        ("epochs: int = 3*2", "epochs: int = 3 * 2"),
        ("epochs = {[]: 1}", "epochs = {[]: 1}"),
        ("import os\nepochs: int = 3", "import os"),
        ("def f():\n    pass", "def f():"),
        ("epochs = ipc = 3", "epochs = ipc = 3"),
        ("epochs: int", "epochs: int"),
    ],
)
def test_a_parameters_cell_of_other_lines_is_refused(tmp_path, cell, line):
    path = write(tmp_path / "own.ipynb", parameters=cell)
    with pytest.raises(parameters.UsageError) as error:
        parameters.declared(path)
    told = f"{path}: {line!r} is not `name: type = value` with a plain value, such as"
    assert told in str(error.value)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("text", ["", "[1]", "3", '{"cells": [1]}', '{"cells": 3}', "\xff"])
def test_what_is_no_notebook_is_refused(tmp_path, text):
    (tmp_path / "own.ipynb").write_text(text, "latin-1")
    with pytest.raises(parameters.UsageError, match=r"own\.ipynb' is not a notebook"):
        parameters.declared(tmp_path / "own.ipynb")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"smoke": "false"}, {"smoke": False}),
        ({"smoke": "True"}, {"smoke": True}),
        ({"lr": "1e-3"}, {"lr": 0.001}),
        ({"lr": "2"}, {"lr": 2.0}),
        ({"ipc": "10", "plain": "4"}, {"ipc": 10, "plain": 4}),
        ({"name": "false"}, {"name": "false"}),
        ({"shapes": "[3]"}, {"shapes": [3]}),
    ],
)
def test_values_get_the_declared_type(notebook, given, expected):
    found = parameters.check_parameters(notebook, given)
    assert found == expected
    assert all(type(found[k]) is type(expected[k]) for k in expected)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"icp": "3"}, "'icp' - did you mean 'ipc'?"),
        ({"smoke": "maybe"}, "smoke must be bool, got 'maybe'"),
        ({"ipc": "1e3"}, "ipc must be int, got '1e3'"),
        ({"ipc": "0"}, "ipc=0 must be at least 1"),
        ({"lr": "fast"}, "lr must be float"),
        ({"shapes": "3"}, r"shapes must be list\[int\]"),
    ],
)
def test_wrong_parameters_are_refused(notebook, given, message):
    with pytest.raises(parameters.UsageError, match=message):
        parameters.check_parameters(notebook, given)


def test_a_relative_path_starts_where_the_command_was_typed(tmp_path, monkeypatch):
    """It was checked here and looked for again in the notebook's folder, half a minute later."""
    cell = 'dataset: str = "digits"\nresults: str = "runs"\nplace: str = ""'
    notebook = write(tmp_path / "tiny.ipynb", parameters=cell)
    for label in "ab":
        (tmp_path / "here" / "ds" / label).mkdir(parents=True)
    (tmp_path / "here" / "plan.toml").touch()
    (tmp_path / "link").symlink_to(tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here" / "ds")
    here, link = tmp_path / "here", tmp_path / "link"
    for given, whole in (
        ({"dataset": "folder:../ds"}, f"folder:{here / 'ds'}"),
        ({"dataset": "parquet:."}, f"parquet:{here / 'ds'}"),
        ({"dataset": f"folder:{link}/ds/"}, f"folder:{link}/ds/"),
        ({"dataset": "hub:owner/name"}, "hub:owner/name"),
        ({"dataset": "digits"}, "digits"),
        ({"results": ".."}, str(here)),
        ({"results": "runs"}, "runs"),
        ({"place": "../ds"}, "../ds"),
    ):
        assert parameters.check_parameters(notebook, given) == dict.fromkeys(given, whole)
