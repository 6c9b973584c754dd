"""What becomes of the text of an option."""

from pathlib import Path

import pytest

from rdc_kit.commands.options import parser
from rdc_kit.ground.seeds import as_seeds


@pytest.mark.parametrize(
    ("given", "name", "values"),
    [
        (["evidence", "--line", "a", "b", "--line", "c"], "line", ["a", "b", "c"]),
        (["score", "--seed", "1", "--seed", "2"], "seed", [1, 2]),
        (["benchmark", "--ipc", "1", "--ipc", "10", "50"], "ipc", [1, 10, 50]),
        (["speed", "--grid", "digits", "--grid", "cifar10"], "grid", ["digits", "cifar10"]),
    ],
)
def test_an_option_with_several_values_may_be_given_again(given, name, values):
    assert getattr(parser().parse_args(given), name) == values
    assert getattr(parser().parse_args([given[0]]), name) != values


@pytest.mark.parametrize(
    ("text", "seeds"), [("3", [0, 1, 2]), ("3-5", [3, 4, 5]), ("0-0", [0]), ("10", [*range(10)])]
)
def test_seeds_are_a_number_or_a_range(text, seeds):
    options = parser().parse_args(["benchmark", "--seeds", text])
    assert as_seeds(options.seeds) == seeds


@pytest.mark.parametrize("text", ["five", "5-3", "3-", "-3", "1-2-3", "1.5"])
def test_other_seeds_are_refused(text, capsys):
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(["benchmark", f"--seeds={text}"])
    assert ended.value.code == 2
    assert repr(text) in capsys.readouterr().err


@pytest.mark.parametrize("text", ["soon", "0", "-1", "inf", "nan"])
def test_a_time_is_a_number_above_0(text, capsys):
    assert parser().parse_args(["evidence", "--minutes", "0.5"]).minutes == 0.5
    with pytest.raises(SystemExit):
        parser().parse_args(["evidence", f"--minutes={text}"])
    assert f"expected a number above 0, got {text!r}" in capsys.readouterr().err


def test_a_path_may_begin_with_the_home_folder(monkeypatch, capsys):
    """A shell replaces the ~ of `--out ~/x`, and not that of `--out=~/x`."""
    monkeypatch.setenv("HOME", "/home/me")
    select = ["select", "--scores=~/s.csv", "--out=~/x"]
    options = parser().parse_args(select)
    assert (options.scores, options.out) == (Path("/home/me/s.csv"), Path("/home/me/x"))
    assert parser().parse_args(["gallery", "--out=~/x"]).out == Path("/home/me/x")
    assert parser().parse_args(["claims", "--results=~/mine"]).results == "/home/me/mine"
    assert parser().parse_args(["claims", "--results=evidence"]).results == "evidence"
    with pytest.raises(SystemExit):
        parser().parse_args([*select, "--out=~nobody-at-all/x"])
    assert "begins with the home folder of a user who is not known" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["./evidence", "evidence/", "./runs", "./runs/", "../x/runs"])
def test_a_text_with_a_separator_is_a_path_and_no_name(text, tmp_path, monkeypatch):
    """`--results ./evidence/` read the kit's own evidence instead of the folder."""
    monkeypatch.chdir(tmp_path)
    results = parser().parse_args(["claims", "--results", text]).results
    assert Path(results).is_absolute()
    assert Path(results).resolve() == (tmp_path / text).resolve()
    assert parser().parse_args(["claims", "--results", "mine"]).results == "mine"


def test_a_notebook_that_is_not_there_is_told_at_once_with_the_copy_of_it(tmp_path, capsys):
    """After 9 s a user of an installed kit heard that it is no notebook file, and no more."""
    for name, copied in (("09_your_own_images.ipynb", True), ("mine.ipynb", False)):
        with pytest.raises(SystemExit) as ended:
            parser().parse_args(["run", str(tmp_path / name)])
        assert ended.value.code == 2
        told = capsys.readouterr().err
        assert f"{tmp_path / name} is no notebook file" in told
        assert ("notebooks my-study` copies it, then `" in told) is copied
        assert (f"run my-study/notebooks/{name}`" in told) is copied
