"""The sentence for a name that is not known, commands that can be pasted, names on a page."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rdc_kit.ground.names import check_known, command, in_markdown, unknown


def test_the_near_match_is_named_with_all_that_is_known():
    told = unknown("method", "rndom", ["random", "noise"])
    assert told == "unknown method 'rndom' - did you mean 'random'? Known: random, noise"


def test_a_name_like_no_other_gets_no_guess():
    assert unknown("method", "xyz", ["random", "noise"]) == (
        "unknown method 'xyz'. Known: random, noise"
    )


def test_further_forms_are_listed_and_never_guessed():
    told = unknown("dataset", "folder:PAT", ["digits"], ["folder:PATH"])
    assert told == "unknown dataset 'folder:PAT'. Known: digits, folder:PATH"


def test_what_is_no_name_is_told_like_one():
    assert unknown("view", None, ["none", "whole"]) == (
        "unknown view None - did you mean 'none'? Known: none, whole"
    )
    assert unknown("view", 3, (None, "whole")) == "unknown view 3. Known: None, whole"


def test_a_name_that_is_known_is_let_through_and_another_is_told():
    check_known("method", "noise", {"random": 1, "noise": 2})
    check_known("view", None, (None, "whole"))
    with pytest.raises(ValueError, match=r"unknown method 'nois' - did you mean 'noise'.*, a file"):
        check_known("method", "nois", {"random": 1, "noise": 2}, ["a file"])


def test_known_names_may_come_from_an_iterator():
    told = unknown("method", "nois", (name for name in ("random", "noise")))
    assert told.endswith("did you mean 'noise'? Known: random, noise")


def test_a_long_list_is_left_out_beside_a_match():
    known = [f"line-{k}" for k in range(57)]
    assert unknown("line", "lin-7", known) == "unknown line 'lin-7' - did you mean 'line-7'?"
    assert unknown("line", "xyz", known).endswith(", line-56")


@pytest.mark.parametrize("on_path", [True, False])
def test_a_command_can_be_pasted(monkeypatch, tmp_path, on_path):
    """Where the environment is active it is `rdc`, elsewhere this interpreter; both run as said."""
    own = str(Path(sys.executable).parent)
    monkeypatch.setenv("PATH", own if on_path else str(tmp_path))
    told = command("methods")
    assert (told == "rdc methods") == on_path
    done = subprocess.run(
        told, shell=True, executable="/bin/sh", env=dict(os.environ), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("methods: ")


def test_a_command_below_the_working_folder_is_short(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "my env" / "bin" / "python"))
    monkeypatch.chdir(tmp_path)
    assert command("runs") == "'my env/bin/python' -m rdc_kit runs"


def test_a_name_on_a_page_is_one_line_without_html_or_new_columns():
    assert in_markdown("<script>a</script>\n# b | c & d") == (
        "&lt;script&gt;a&lt;/script&gt; # b \\| c &amp; d"
    )
    assert in_markdown(3) == "3"
    assert in_markdown(" a\u2028b\tc\N{NO-BREAK SPACE}d ") == "a b c\N{NO-BREAK SPACE}d"
