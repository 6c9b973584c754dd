"""Where things are."""

import pytest

from rdc_kit.ground import folders
from rdc_kit.ground.folders import checkout, data_dir, local_copies, notebooks_dir, source_dir


def test_folders_do_not_hang_on_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.delenv("RDC_HOME")
    monkeypatch.setenv("RDC_DATA", "copies")
    monkeypatch.chdir(tmp_path)
    assert (checkout() / "rdc_kit" / "ground" / "folders.py").is_file()
    assert data_dir() == checkout() / "data"
    assert local_copies() == checkout() / "copies"
    monkeypatch.setenv("RDC_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RDC_DATA", str(tmp_path / "elsewhere"))
    assert data_dir() == tmp_path.resolve() / "home" / "data"
    assert local_copies() == tmp_path.resolve() / "elsewhere"
    monkeypatch.delenv("RDC_DATA")
    assert local_copies() is None


def test_an_installed_package_brings_its_own_notebooks(monkeypatch):
    assert source_dir() == checkout()
    assert (notebooks_dir() / "00_start_here.ipynb").is_file()
    monkeypatch.setattr(folders, "checkout", lambda: None)
    assert notebooks_dir() == source_dir() / "notebooks" == folders.PACKAGE / "shipped/notebooks"


def test_a_home_is_absolute_or_refused(tmp_path, monkeypatch):
    """A run had its manifest in one folder and its figures below the notebooks."""
    monkeypatch.setenv("RDC_HOME", "results")
    with pytest.raises(ValueError, match="RDC_HOME must be an absolute path, got 'results'"):
        data_dir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RDC_HOME", "~/results")
    monkeypatch.setenv("RDC_DATA", "~/copies")
    assert data_dir() == tmp_path.resolve() / "results" / "data"
    assert local_copies() == tmp_path.resolve() / "copies"


@pytest.mark.parametrize("odd", ["[oe]", "{y}", "a*", "why?"])
def test_a_home_that_libraries_take_for_a_pattern_is_refused(tmp_path, monkeypatch, odd):
    """A set "doesn't contain any data files", and papermill missed a parameter y."""
    said = r"home '.*' has .* in its path, which .*: set RDC_HOME to a folder without"
    monkeypatch.setenv("RDC_HOME", str(tmp_path / f"home {odd}"))
    with pytest.raises(ValueError, match=said):
        data_dir()
    (tmp_path / "link").symlink_to(tmp_path / f"home {odd}")
    monkeypatch.setenv("RDC_HOME", str(tmp_path / "link"))
    with pytest.raises(ValueError, match=said):
        data_dir()
    monkeypatch.delenv("RDC_HOME")
    monkeypatch.setattr(folders, "checkout", lambda: tmp_path / odd)
    with pytest.raises(ValueError, match=said):
        data_dir()
    monkeypatch.setenv("RDC_HOME", str(tmp_path / "home (2), ü"))
    assert data_dir() == tmp_path.resolve() / "home (2), ü" / "data"


@pytest.mark.parametrize(("name", "ask"), [("RDC_HOME", data_dir), ("RDC_DATA", local_copies)])
def test_the_home_of_an_unknown_user_is_refused_by_name(monkeypatch, name, ask):
    """It was a RuntimeError that named neither the variable nor its value."""
    monkeypatch.setenv(name, "~nosuchuser/x")
    with pytest.raises(ValueError, match=f"{name} '~nosuchuser/x' begins with the home folder of"):
        ask()
