"""Errors in a notebook: the kit's own in one sentence, all others whole."""

import sys

import nbformat
from nbclient import NotebookClient

import rdc_kit as rdc
from rdc_kit.augment.boxes import cell_boxes
from rdc_kit.ground import files
from rdc_kit.ground.manifests import read_status, write_manifest
from rdc_kit.notebook import errors


def told(function, *arguments):
    try:
        function(*arguments)
    except BaseException as error:
        return errors.sentence(error, error.__traceback__)
    return "no error"


def test_what_the_kit_says_itself_is_one_sentence():
    said = told(rdc.load, "digitz")
    assert said.startswith("unknown dataset 'digitz'")
    assert "%tb" in said
    assert len(said.splitlines()) == 2


def test_an_error_that_the_kit_stumbles_over_keeps_its_traceback():
    assert told(cell_boxes, None, (2, 2)) == ""
    assert told(lambda: 1 / 0) == ""
    assert told(lambda: int("x")) == ""


def test_an_interrupt_in_the_kit_says_how_to_go_on(monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    assert told(stop) == ""
    monkeypatch.setattr("rdc_kit.data.loading.check_source", stop)
    assert told(rdc.load, "digits").startswith("Stopped. Run the cell again to go on")


class Result:
    """What IPython tells of a cell."""

    def __init__(self, error=None):
        self.error_before_exec, self.error_in_exec = None, error


def test_a_failed_cell_is_noted_and_forgotten_when_the_next_one_works(fresh_home):
    watch = errors._Watch()
    watch(Result(ValueError("no run yet")))
    watch.folder = fresh_home / "run"
    watch.mark = write_manifest(watch.folder, "running", name="mine")
    watch(Result(KeyboardInterrupt()))
    assert read_status(watch.folder) == "failed"
    assert files.read_json(watch.folder / "manifest.json")["error"] == "stopped by hand"
    watch(Result())
    assert read_status(watch.folder) == "running"
    facts = files.read_json(watch.folder / "manifest.json")
    assert "error" not in facts
    assert facts["name"] == "mine"
    write_manifest(watch.folder, "ok")
    watch(Result(ValueError("tried something else")))
    assert read_status(watch.folder) == "ok"


def test_a_failed_cell_is_not_noted_in_the_manifest_of_another_run(fresh_home):
    watch = errors._Watch()
    watch.folder = fresh_home / "run"
    watch.mark = write_manifest(watch.folder, "running", name="first")
    write_manifest(watch.folder, "running", name="second")
    watch(Result(ValueError("of the first")))
    assert read_status(watch.folder) == "running"
    write_manifest(watch.folder, "failed")
    watch(Result())
    assert read_status(watch.folder) == "failed"


def test_in_a_kernel_readers_see_the_sentence_and_can_ask_for_more(fresh_home, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", ":".join(sys.path))
    cells = [
        "import rdc_kit as rdc",
        'run = rdc.start(dataset="digits", profile="smok")',
        "%tb",
        "1 / 0",
        'rdc.load("digits", size=4)',
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    NotebookClient(notebook, timeout=120, allow_errors=True, kernel_name="python3").execute()
    _, start, more, zero, load = (
        [o for o in cell.outputs if o.output_type == "error"] for cell in notebook.cells
    )
    assert start[0].traceback == [
        "parameter profile='smok' must be one of smoke, small, paper",
        "(`%tb` in a cell shows where this was found.)",
    ]
    assert (start[0].ename, start[0].evalue) == ("ValueError", start[0].traceback[0])
    assert "check_parameter" in "".join(more[0].traceback)
    assert "-----" in zero[0].traceback[0]
    assert zero[0].traceback[-1].endswith("division by zero")
    assert load[0].traceback[0].startswith("size must be a whole number")
