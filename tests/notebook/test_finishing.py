"""A notebook that ends without its work has failed, and is told what is missing."""

import json

import matplotlib.pyplot as plt
import pandas as pd
import pytest

import rdc_kit as rdc
from rdc_kit.ground.manifests import read_manifest, read_status, write_manifest
from rdc_kit.notebook.finishing import Incomplete

from .test_runs import named, quick, smoke  # noqa: F401


def fails(run, message):
    with pytest.raises(Incomplete, match=message):
        rdc.finish(run)
    assert read_status(run.folder) == "failed"


def test_what_is_missing_is_said_and_the_run_has_failed(fresh_home):
    fails(smoke(), "no table and no figure was made")
    run = smoke(seeds=2)
    quick(run)
    fails(run, "'runs' was not made")
    run.table("runs", pd.DataFrame({"steps": [9]}))
    fails(run, "table 'runs' has 1 rows instead of 2")
    run.table("runs", pd.DataFrame({"steps": [0, 0]}))
    fails(run, "table 'runs' has fewer optimiser steps than epochs")
    run.table("runs", pd.DataFrame({"steps": [1, 1]}))
    run.table("more", pd.DataFrame({"a": []}))
    fails(run, "table 'more' is empty")
    run.tables.pop("more")
    figure, _ = plt.subplots()
    run.figure("look", figure, pd.DataFrame({"a": [1]}))
    run.figures["look"].unlink()
    fails(run, "figure 'look' was not saved")
    run.figures.pop("look")
    rdc.finish(run)
    assert read_status(run.folder) == "ok"


def test_what_the_notebook_names_must_be_made(fresh_home, tmp_path, monkeypatch):
    """A cell that was skipped leaves its table or figure unmade."""
    code = (
        'run.measure(run.experiment("runs", arms))\nrun.figure("look", f, t)\nrun.table(\n"t", x)'
    )
    cells = [{"cell_type": "code", "source": [code]}, {"cell_type": "markdown", "source": ["x"]}]
    own = {"cell_type": "code", "source": ['run.table("mine", t)']}
    cells.append(own | {"metadata": {"tags": ["exercise"]}})  # an exercise need not be done
    (tmp_path / "tiny.ipynb").write_text(json.dumps({"cells": cells}))
    monkeypatch.setenv("RDC_NOTEBOOK", str(tmp_path / "tiny.ipynb"))
    run = smoke()
    run.table("t", pd.DataFrame({"a": [1]}))
    fails(run, "'look' was not made; 'runs' was not made")


def test_a_copy_with_fewer_cells_is_judged_by_what_it_holds_itself(
    fresh_home, tmp_path, monkeypatch
):
    """Known to JupyterLab by another path; the kernel works in the notebook's own folder."""
    cells = [{"cell_type": "code", "source": ['run.table("t", x)']}]
    (tmp_path / "00_start_here.ipynb").write_text(json.dumps({"cells": cells}))
    monkeypatch.delenv("RDC_NOTEBOOK")
    monkeypatch.setenv("JPY_SESSION_NAME", "elsewhere/00_start_here.ipynb")
    monkeypatch.chdir(tmp_path)
    run = smoke()
    run.table("t", pd.DataFrame({"a": [1]}))
    rdc.finish(run)
    assert read_status(run.folder) == "ok"


def test_a_run_does_not_finish_the_one_that_was_started_after_it(fresh_home):
    """Two tabs of one notebook share a folder: the first completed the run of the second."""
    first = smoke()
    first.table("t", pd.DataFrame({"a": [1]}))
    write_manifest(first.folder, "running", parameters={"ipc": 7})  # of another kernel
    with pytest.raises(Incomplete, match=r"not marked as done.*started it again at 2.*one kernel"):
        rdc.finish(first)
    facts = read_manifest(first.folder)
    assert (facts["status"], facts["parameters"]) == ("running", {"ipc": 7})
    again = smoke()  # the first cell once more
    again.table("t", pd.DataFrame({"a": [1]}))
    rdc.finish(again)
    rdc.finish(again)  # and the last one
    assert read_status(again.folder) == "ok"
