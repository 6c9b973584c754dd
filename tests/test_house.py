"""House rules that a machine can check: layers, notebooks, names, the README's example."""

import ast
import json
import re
import tokenize
from pathlib import Path

import pytest

import rdc_kit as rdc

ROOT = Path(rdc.__file__).resolve().parents[1]
SOURCES = sorted((ROOT / "rdc_kit").rglob("*.py"))
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
WINGS = ("engine", "compress", "study")


def wing_of(path):
    part = path.relative_to(ROOT / "rdc_kit").parts[0]
    return WINGS.index(part) if part in WINGS else len(WINGS)


def imported_wings(path):
    """Wings that a module imports, absolutely or relatively, anywhere in it."""
    package = ["rdc_kit", *path.relative_to(ROOT / "rdc_kit").parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            full = [*base, *(node.module or "").split(".")]
            names = [[*full, alias.name] for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
        else:
            continue
        for name in names:
            name = [part for part in name if part]
            if name[0] == "rdc_kit" and len(name) > 1:
                yield name[1]


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_only_point_down(path):
    own = wing_of(path)
    if own == len(WINGS):
        return
    for name in imported_wings(path):
        assert name in WINGS, f"{path} imports the top of the house: {name}"
        assert WINGS.index(name) <= own, f"{path} imports upward: {name}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_and_functions_stay_small(path):
    text = path.read_text()
    assert text.count("\n") <= 330
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 60, f"{path.name}:{node.name}"


def test_public_names_exist_and_are_few():
    assert len(rdc.__all__) <= 27
    assert all(hasattr(rdc, name) for name in rdc.__all__)


def code_cells(path):
    return [c for c in json.loads(path.read_text())["cells"] if c["cell_type"] == "code"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.name)
def test_notebooks_are_clean_and_thin(path):
    content = json.loads(path.read_text())
    assert content["metadata"]["kernelspec"]["name"] == "python3"
    assert not {"widgets", "papermill"} & content["metadata"].keys()
    cells = code_cells(path)
    for cell in cells:
        assert not cell["outputs"]
        assert cell["execution_count"] is None
    lines = [line for c in cells for line in "".join(c["source"]).split("\n") if line.strip()]
    assert len(lines) <= 120
    tags = [c["metadata"].get("tags", []) for c in cells]
    assert tags[0] == ["parameters"]
    assert "rdc.start(" in "".join(cells[1]["source"])
    assert "rdc.finish(" in "".join(cells[-1]["source"])
    for cell in cells:
        for node in ast.walk(ast.parse("".join(cell["source"]))):
            assert not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.For | ast.While), (
                f"{path.name} holds logic: {ast.unparse(node)[:60]}"
            )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.name)
def test_parameter_lines_have_the_one_form_papermill_reads(path):
    for line in code_cells(path)[0]["source"]:
        assert re.fullmatch(r"\w+: (str|int|float|bool) = [^=#]+  # [^=]+\n?", line), line


def test_notebook_pictures_exist():
    for path in [*NOTEBOOKS, ROOT / "README.md"]:
        for link in re.findall(r"!\[[^]]*\]\(([^)]+)\)", path.read_text()):
            assert (path.parent / link).is_file(), f"{path.name} shows {link}"


def test_the_readmes_example_runs(fresh_home, monkeypatch, capsys):
    """The python block of the README, at two epochs of everything."""
    text = (ROOT / "README.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", text, flags=re.S)
    assert "rdc.load(" in example
    quick = example.replace("epochs=10", "epochs=2").replace("hard(", "hard(epochs=2, ")
    space = {}
    exec(compile(quick, "README.md", "exec"), space)
    assert len(space["result"].rows) == 3
    assert space["stored"].grid == (2, 2)


def test_readme_verbs_exist():
    from rdc_kit.__main__ import EXAMPLES, VERBS, parser

    assert EXAMPLES.keys() == VERBS.keys()
    text = (ROOT / "README.md").read_text()
    for verb in re.findall(r"python -m rdc_kit (\w+)", text):
        assert verb in VERBS
    for example in EXAMPLES.values():
        parser().parse_args(example.split()[3:])


def test_every_comment_and_docstring_is_free_of_leftovers():
    for path in SOURCES:
        with tokenize.open(path) as file:
            text = file.read()
        assert not re.search(r"\b(TODO|FIXME|XXX)\b", text), path
