"""The package as others get it: a wheel, in an environment of its own."""

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

import rdc_kit as rdc

ROOT = Path(rdc.__file__).resolve().parents[1]


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def call(*command, **more):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, **more)
    assert done.returncode == 0, done.stderr[-2000:] + done.stdout[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A fresh environment with the wheel in it; what the wheel needs is lent by this one.

    Installing torch again would take minutes and gigabytes. That the list of requirements is
    complete, the next test sees to.
    """
    folder = tmp_path_factory.mktemp("installed")
    try:
        call(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, ROOT)
        call(sys.executable, "-m", "venv", folder / "env")
    except AssertionError as error:
        pytest.skip(f"no wheel can be built here: {error}")
    (wheel,) = folder.glob("rdc_kit-*.whl")
    python = folder / "env" / "bin" / "python"
    call(python, "-m", "pip", "install", "-q", "--no-deps", wheel)
    home = call(python, "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])").strip()
    (Path(home) / "lent.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return folder / "env" / "bin"


def rdc_in(installed, tmp_path, *arguments):
    environment = {k: v for k, v in os.environ.items() if k not in ("RDC_DATA", "PYTHONPATH")}
    environment |= {"RDC_HOME": str(tmp_path / "home"), "HOME": str(tmp_path)}
    return call(installed / "rdc", *arguments, cwd=tmp_path, env=environment)


def test_the_wheel_works_away_from_the_checkout(installed, tmp_path):
    where = call(
        installed / "python", "-c", "import rdc_kit; print(rdc_kit.__file__)", cwd=tmp_path
    )
    assert Path(where.strip()).is_relative_to(installed.parent)
    assert "doctor: all is well" in rdc_in(installed, tmp_path, "doctor")
    said = rdc_in(installed, tmp_path, "score", "--dataset", "digits", "--epochs", "1")
    assert "1,347 rows in scores-digits.parquet" in said
    assert (tmp_path / "scores-digits.parquet").is_file()
    assert "pending, " in rdc_in(installed, tmp_path, "claims", "--results", "evidence")


def test_the_notebooks_are_handed_out_with_their_pictures(installed, tmp_path):
    said = rdc_in(installed, tmp_path, "notebooks", tmp_path / "mine")
    names = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
    assert said.startswith(f"notebooks: {len(names)} in ")
    copies = sorted((tmp_path / "mine" / "notebooks").glob("*.ipynb"))
    assert [path.name for path in copies] == names
    for pattern in ("*.md", "solutions/*.ipynb"):
        beside = {path.name for path in (ROOT / "notebooks").glob(pattern)}
        assert {p.name for p in (tmp_path / "mine" / "notebooks").glob(pattern)} == beside
    for path in copies:
        for link in re.findall(r"!\[[^]]*\]\((\.\./[^)]+)\)", path.read_text()):
            assert (path.parent / link).is_file(), link


def test_the_recipe_of_the_book_travels_with_the_package(installed, tmp_path):
    code = "import rdc_kit; print(rdc_kit.__path__[0])"
    home = Path(call(installed / "python", "-c", code, cwd=tmp_path).strip())
    assert home.is_relative_to(installed.parent)
    for name in ("front.md", "static/book.css"):
        assert (home / "commands" / "book" / name).is_file(), name
    assert (home / "shipped" / "notebooks" / "glossary.md").is_file()
    assert (home / "shipped" / "figures" / "evidence" / "paper" / "ledger.png").is_file()


def test_without_a_checkout_and_rdc_home_the_home_is_the_users(installed, tmp_path):
    code = "from rdc_kit.ground import folders; print(folders.home_dir(), folders.checkout())"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RDC_")}
    environment |= {"HOME": str(tmp_path)}
    said = call(installed / "python", "-c", code, cwd="/", env=environment)
    assert said.split() == [str(tmp_path / "rdc_kit"), "None"]


def test_every_package_that_is_imported_is_required():
    """`pip install .` into an empty environment must bring all that the kit imports."""
    homes = metadata.packages_distributions()
    named = {re.split(r"[><=!~ ]", spec)[0].lower() for spec in project()["dependencies"]}
    optional = {"docutils", "furo", "myst_nb", "sphinx", "pytest", "selenium"}  # the extras' own
    for path in (ROOT / "rdc_kit").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            else:
                continue
            for name in {name.split(".")[0] for name in names} - {"rdc_kit"} - optional:
                if name not in sys.stdlib_module_names:
                    found = {one.lower().replace("_", "-") for one in homes[name]}
                    # jupyter_client, nbformat and IPython come with the kernel
                    assert found & (named | {"jupyter-client", "nbformat", "ipython"}), (path, name)


def test_the_version_is_said_once_more_in_the_package_and_the_citation():
    version = project()["version"]
    assert rdc.__version__ == version
    assert f"version: {version}" in (ROOT / "CITATION.cff").read_text()
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text()


def test_every_package_folder_is_in_the_wheel():
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"][
        "packages"
    ]
    folders = {".".join(p.parent.relative_to(ROOT).parts) for p in (ROOT / "rdc_kit").rglob("*.py")}
    assert folders == {name for name in packages if "shipped" not in name}


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_lab_listens_here_only_and_keeps_its_token(monkeypatch):
    """As root too, which JupyterLab refuses without being told."""
    from jupyter_server.serverapp import ServerApp

    told = call("make", "--no-print-directory", "-n", "lab", cwd=ROOT)
    words = shlex.split(next(line for line in told.splitlines() if "jupyter lab" in line))[2:]
    monkeypatch.setenv("JUPYTER_NO_CONFIG", "1")
    monkeypatch.delenv("JUPYTER_TOKEN", raising=False)
    server = ServerApp()
    server.parse_command_line(words)
    assert server.ip == "127.0.0.1"
    assert server.allow_root == (os.getuid() == 0)
    assert not server.allow_remote_access
    assert "token" not in told.lower()
    assert "password" not in told.lower()
    server.init_configurables()
    assert len(server.identity_provider.token) > 30
    assert not server.disable_check_xsrf
