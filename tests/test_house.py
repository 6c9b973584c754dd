"""House rules that a machine can check: layers, notebooks, names, the README's example."""

import ast
import json
import re
import subprocess
import tokenize
from pathlib import Path

import pytest

import rdc_kit as rdc
from rdc_kit.notebook.answers import is_exercise

from .conftest import colour_blocks

ROOT = Path(rdc.__file__).resolve().parents[1]
SOURCES = sorted((ROOT / "rdc_kit").rglob("*.py"))
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SOLUTIONS = sorted((ROOT / "notebooks" / "solutions").glob("*.ipynb"))
# The rooms, lowest first: a file imports its own room and the rooms before it, never one after it.
ROOMS = (
    *("ground", "data", "augment", "train", "prune", "combine", "distill"),
    *("methods", "compression", "using"),
    *("study.grid", "study.verdicts", "study.analyses", "study.figures", "study.explorers"),
    *("notebook", "commands", "__main__"),
)
LEFT_OUT = {"rdc_kit"}  # fetches names when they are used, from anywhere


def module_of(path):
    """Dotted name of a source file; a package's own file has the package's name."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in SOURCES}


def room_of(module):
    """Place of a module's room in ROOMS."""
    inside = module.removeprefix("rdc_kit.")
    found = [k for k, room in enumerate(ROOMS) if f"{inside}.".startswith(f"{room}.")]
    assert found, f"{module} is in no room"
    return found[0]


def executed(tree):
    """All nodes but those that only a type checker reads."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        yield from executed(node)


def imported(module):
    """Modules of the kit that a module imports, anywhere in it, also inside functions."""
    path = MODULES[module]
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in executed(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            full = [*base, *(node.module or "").split(".")]
            names = [".".join(filter(None, [*full, alias.name])) for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            if name.startswith("rdc_kit."):
                yield name if name in MODULES else name.rpartition(".")[0]


def is_room(module):
    return MODULES[module].name != "__init__.py"


@pytest.mark.parametrize("module", [m for m in MODULES if m not in LEFT_OUT and is_room(m)])
def test_imports_only_point_down(module):
    for name in imported(module):
        if name == "rdc_kit":  # the public names, for those who stand above them all
            assert ROOMS[room_of(module)] in ("commands", "__main__"), module
        else:
            assert room_of(name) <= room_of(module), f"{module} imports upward: {name}"


def test_no_module_imports_itself_by_a_detour():
    below = {m: {n for n in imported(m) if n != m} for m in MODULES if m not in LEFT_OUT}
    while below:
        free = [m for m, names in below.items() if not names & below.keys()]
        assert free, f"these import each other in a circle: {sorted(below)}"
        for module in free:
            del below[module]


def test_every_module_has_a_test_of_its_own_place_and_no_test_is_lost():
    tests = {p.relative_to(ROOT / "tests") for p in (ROOT / "tests").rglob("test_*.py")}
    wanted = set()
    for module, path in MODULES.items():
        if is_room(module):
            inside = path.relative_to(ROOT / "rdc_kit")
            wanted.add(inside.with_name(f"test_{path.stem.strip('_')}.py"))
    words = ("house", "numbers", "quoted", "browser", "install", "faults", "bad_inputs")
    whole = {f"test_{word}.py" for word in words}
    assert wanted - tests == set(), "modules without a test"
    assert {str(path) for path in tests - wanted} == whole


def public_functions():
    """(module, node) of every function that stands at the top of a module."""
    for module, path in MODULES.items():
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                yield module, node


def test_no_two_functions_have_one_name():
    homes = {}
    for module, node in public_functions():
        homes.setdefault(node.name, []).append(module)
    assert {name: where for name, where in homes.items() if len(where) > 1} == {}


def test_no_function_takes_more_than_eight_values_by_place():
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                count = len(node.args.args) + len(node.args.posonlyargs)
                assert count <= 8 + (
                    node.args.args[:1] != [] and node.args.args[0].arg == "self"
                ), f"{path.name}:{node.name} takes {count}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_and_functions_stay_small(path):
    text = path.read_text()
    assert text.count("\n") <= 330
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 60, f"{path.name}:{node.name}"


def test_public_names_exist_and_are_few():
    assert len(rdc.__all__) <= 28
    assert all(hasattr(rdc, name) for name in rdc.__all__)


def test_type_checkers_read_each_public_name_from_where_it_is_fetched():
    body = ast.parse(Path(rdc.__file__).read_text()).body
    (block,) = (node for node in body if isinstance(node, ast.If))
    read = {alias.name: node.module for node in block.body for alias in node.names}
    assert read == rdc._HOME_OF | {"protocols": "train"}


def code_cells(path):
    return [c for c in json.loads(path.read_text())["cells"] if c["cell_type"] == "code"]


def as_committed(path):
    """A file as git has it: JupyterLab writes outputs into the working copy of a notebook."""
    name = f":{path.relative_to(ROOT)}"
    found = subprocess.run(["git", "show", name], cwd=ROOT, capture_output=True, text=True)
    return found.stdout if found.returncode == 0 else path.read_text()


@pytest.mark.parametrize("path", [*NOTEBOOKS, *SOLUTIONS], ids=lambda p: p.name)
def test_notebooks_are_committed_without_outputs(path):
    content = json.loads(as_committed(path))
    assert not {"widgets", "papermill"} & content["metadata"].keys()
    for cell in content["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.name)
def test_notebooks_are_thin(path):
    content = json.loads(path.read_text())
    assert content["metadata"]["kernelspec"]["name"] == "python3"
    cells = code_cells(path)
    lines = [line for c in cells for line in "".join(c["source"]).split("\n") if line.strip()]
    assert len(lines) <= 120
    tags = [c["metadata"].get("tags", []) for c in cells]
    assert tags[0] == ["parameters"]
    assert re.search(r"^run = rdc\.start\((quick=True)?\)$", "".join(cells[1]["source"]), re.M)
    kits = [cell for cell in cells if not is_exercise(cell)]
    assert cells[: len(kits)] == kits, "exercises come after finish: they cannot undo a run"
    assert "".join(kits[-1]["source"]) == "rdc.finish(run)"
    for cell in kits:
        for node in ast.walk(ast.parse("".join(cell["source"]))):
            assert not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.For | ast.While), (
                f"{path.name} holds logic: {ast.unparse(node)[:60]}"
            )


def test_solutions_hold_nothing_else():
    assert SOLUTIONS
    for path in SOLUTIONS:
        assert all(map(is_exercise, code_cells(path)))
        assert (ROOT / "notebooks" / path.name) in NOTEBOOKS


def markdown_of(path):
    if path.suffix == ".md":
        return path.read_text()
    cells = json.loads(path.read_text())["cells"]
    return "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


def test_links_between_notebooks_lead_somewhere():
    folder = ROOT / "notebooks"
    for path in [*folder.rglob("*.ipynb"), *folder.glob("*.md")]:
        if ".ipynb_checkpoints" in path.parts:
            continue
        for link in re.findall(r"[^!]\[[^]]*\]\(([^)#:]+)(?:#[^)]*)?\)", markdown_of(path)):
            assert (path.parent / link).is_file(), f"{path.name}: {link}"


def test_each_notebook_begins_and_ends_with_the_way_to_its_neighbours():
    known = sorted(path.name for path in NOTEBOOKS)
    contents = (ROOT / "notebooks" / "contents.md").read_text()
    for path in NOTEBOOKS:
        assert f"]({path.name})" in contents
        cells, k = json.loads(path.read_text())["cells"], known.index(path.name)
        first, last = ("".join(cells[at]["source"]) for at in (0, -1))
        assert first == last
        wanted = ["contents.md", *known[max(k - 1, 0) : k], *known[k + 1 : k + 2], "glossary.md"]
        assert re.findall(r"\]\(([^)]+)\)", first) == wanted


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.name)
def test_parameter_lines_have_the_one_form_papermill_reads(path):
    for line in code_cells(path)[0]["source"]:
        assert re.fullmatch(r"\w+: (str|int|float|bool) = [^=#]+  # [^=]+\n?", line), line


def test_pictures_and_linked_files_exist():
    for path in NOTEBOOKS:
        for link in re.findall(r"!\[[^]]*\]\(([^)]+)\)", path.read_text()):
            assert (path.parent / link).is_file(), f"{path.name} shows {link}"
    pages = [path for at in ("", "data/", "data/evidence/") for path in ROOT.glob(f"{at}*.md")]
    for path in pages:
        text = re.sub(r"`[^`\n]*`", "", path.read_text())  # an example of a link is none
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
            assert (path.parent / link).exists(), f"{path.name} links to {link}"


def test_the_readmes_example_runs(fresh_home, monkeypatch, capsys):
    """The python blocks of the README, one after the other, at two epochs of what can be short."""
    text = (ROOT / "README.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.S)
    assert len(blocks) == 3
    quick = "".join(blocks)
    for long, short in {
        "epochs=10": "epochs=2",
        "hard(": "hard(epochs=2, ",
        "soft(": "soft(epochs=2",
        "squeeze(pool": "squeeze(pool, epochs=5",
        '"sre2l", pool': '"sre2l", pool, iterations=2, teacher=teacher',
        "seeds=5": "seeds=1, wanted=[rdc.protocols.hard(epochs=1)]",
    }.items():
        assert long in quick
        quick = quick.replace(long, short)
    space = {}
    exec(compile(quick, "README.md", "exec"), space)
    assert len(space["result"].rows) == 3
    assert space["stored"].grid == (2, 2)
    assert len(space["soft"].rows) == 3
    assert len(space["table"]) == 6


def test_the_examples_of_contributing_work(fresh_home, blocks, exact):
    """A method in 20 lines and a score in 15, as the text gives them."""
    from rdc_kit.methods import METHODS
    from rdc_kit.prune.metrics import METRICS
    from rdc_kit.study.grid.arms import Arm
    from rdc_kit.study.grid.experiments import Experiment, plan_trials
    from rdc_kit.study.grid.setups import Setup
    from rdc_kit.train.models import NETWORKS

    text = (ROOT / "CONTRIBUTING.md").read_text()
    method, score, network = re.findall(r"```python\n(.*?)```", text, flags=re.S)
    lines = [sum(map(bool, code.split("\n"))) for code in (method, score, network)]
    assert lines[0] <= 20
    assert lines[1] <= 15
    assert lines[2] <= 10
    before = dict(METHODS), dict(METRICS)
    try:
        exec(compile(method, "CONTRIBUTING.md", "exec"), {"__name__": "theirs"})
        exec(compile(score, "CONTRIBUTING.md", "exec"), {})
        exec(compile(network, "CONTRIBUTING.md", "exec"), {"__name__": "theirs"})
        assert rdc.evaluate(
            blocks, blocks, rdc.protocols.hard(epochs=1), student="linear", runtime=exact
        ).rows
        kept = rdc.compress("middle", blocks, 2, runtime=exact, epochs=2)
        values = rdc.el2n(blocks, 2, runtime=exact).values
        for label in range(3):
            own = values[blocks.rows_of(label)].sort().values
            chosen = values[kept.row_ids[kept.labels == label]].sort().values
            assert chosen.tolist() == own[2:4].tolist()
        assert rdc.dynamics(blocks, 2, runtime=exact)["loss"].values.min() > 0
        made = rdc.compress("pca", blocks, 1, runtime=exact, metric="loss", epochs=2)
        assert made.provenance["score"] == "loss"
        setup = Setup(blocks, colour_blocks(seed=1), exact, scoring_epochs={"loss": 2})
        arms = [Arm("middle", {"epochs": 2}), Arm("middle"), Arm("pca", {"metric": "loss"})]
        grid = Experiment(setup, plan_trials(setup, arms, 1, [rdc.protocols.hard(epochs=1)], 1))
        assert grid.plan().shared > 0
        assert len(grid.measure()) == 3
        assert setup.settings(arms[1])["epochs"] == 10  # the method's own
        assert setup.settings(arms[2])["epochs"] == 2
    finally:
        METHODS.clear(), METRICS.clear()
        METHODS.update(before[0]), METRICS.update(before[1])
        del NETWORKS["linear"]


def test_the_plan_of_contributing_is_one(tmp_path, monkeypatch):
    from rdc_kit.methods import METHODS
    from rdc_kit.study.grid.planfile import read_plan

    monkeypatch.setitem(METHODS, "middle", METHODS["el2n"])
    text = (ROOT / "CONTRIBUTING.md").read_text()
    (plan,) = re.findall(r"```toml\n(.*?)```", text, flags=re.S)
    (tmp_path / "plan.toml").write_text(plan)
    (line,) = read_plan(tmp_path / "plan.toml")
    assert len(line.trials) == 10
    assert f"has {len(read_plan())} examples" in " ".join(text.split())


def test_readme_verbs_exist():
    from rdc_kit.commands.options import VERBS, parser

    text = (ROOT / "README.md").read_text()
    for verb in re.findall(r"^(?:\.venv/bin/)?rdc (\w+)|`rdc (\w+)", text, flags=re.M):
        assert "".join(verb) in VERBS
    for _, example in VERBS.values():
        parser().parse_args(example.split()[1:])


def test_every_comment_and_docstring_is_free_of_leftovers():
    for path in SOURCES:
        with tokenize.open(path) as file:
            text = file.read()
        assert not re.search(r"\b(TODO|FIXME|XXX)\b", text), path
