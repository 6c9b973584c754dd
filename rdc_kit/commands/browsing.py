"""JupyterLab and a headless Chromium that looks at it: for `rdc speed --explorers` and tests."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..ground.folders import PACKAGE

TOKEN = "only-for-this-browser"
_SETTINGS = {
    # Otherwise cells out of sight are not on the page.
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
_FLAGS = [
    *("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"),
    *("--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
    *("--window-size=1400,1800", "--force-device-scale-factor=1"),
]
# JavaScript that finds the open notebook, for scripts that say something of it.
NOTEBOOK = """
const shell = window.jupyterapp?.shell;
const notebook = shell && [...shell.widgets('main')].find(w => w.sessionContext);
"""
READY = NOTEBOOK + "return notebook?.sessionContext?.session?.kernel?.status === 'idle';"
RUN = (
    NOTEBOOK
    + """
shell.activateById(notebook.id);
window.jupyterapp.commands.execute('notebook:run-all-cells');
"""
)
STATE = (
    NOTEBOOK
    + """
const code = notebook.content.model.sharedModel.cells.filter(c => c.cell_type === 'code');
return {
  status: notebook.sessionContext.session.kernel.status,
  ran: code.filter(c => c.execution_count !== null).length,
  cells: code.length,
  bad: code.flatMap(c => c.outputs).filter(
    o => o.output_type === 'error' || o.name === 'stderr').map(o => JSON.stringify(o)),
};"""
)


def missing() -> str:
    """What this machine lacks for a browser that a program drives, with the remedy; or ""."""
    try:
        import selenium.webdriver  # noqa: F401
    except ImportError:
        return "selenium is not installed: `pip install selenium` (part of the extra [test])"
    if not (_browser() and shutil.which("chromedriver")):
        return "needs chromium and chromedriver: install both from the system's packages"
    return ""


def _browser() -> str | None:
    return shutil.which("chromium") or shutil.which("google-chrome")


def wait_until(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """The first true answer of a condition.

    Raises:
        TimeoutError: it says what was awaited.
    """
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if answer := condition():
            return answer
        time.sleep(0.2)
    raise TimeoutError(f"waited {seconds:g} s for {what}")


@contextlib.contextmanager
def jupyterlab(folder: Path, **settings: str) -> Iterator[str]:
    """JupyterLab on a port of its own, its settings, runs and log in `folder`: its address.

    Args:
        folder: served, and the home of what its kernels write.
        settings: environment variables of its kernels.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for name, values in _SETTINGS.items():
        path = folder / "settings" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.root_dir": folder,
        "IdentityProvider.token": TOKEN,
        "LabApp.expose_app_in_browser": True,
        "LabApp.user_settings_dir": folder / "settings",
        "LabApp.workspaces_dir": folder / "workspaces",
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += [f"--{name}={value}" for name, value in options.items()]
    folders = ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "RDC_HOME")
    environment = os.environ | {name: str(folder / name.lower()) for name in folders}
    environment |= {"RDC_INTERACTIVE": "1", "PYDEVD_DISABLE_FILE_VALIDATION": "1"} | settings
    # The kernels work with this very kit, installed or not.
    below = [str(PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment["PYTHONPATH"] = os.pathsep.join(below)
    address = f"http://127.0.0.1:{port}"
    with (folder / "lab.log").open("w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            wait_until(lambda: _answers(f"{address}/api?token={TOKEN}"), 90, "JupyterLab")
            yield address
        finally:
            server.send_signal(signal.SIGTERM)  # ends its kernels too
            server.wait(30)


def _answers(address: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5) as reply:
        return reply.status == 200
    return False


@contextlib.contextmanager
def chromium(folder: Path) -> Iterator:
    """A headless Chromium with a profile of its own in `folder`, driven by selenium."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = _browser() or ""
    for flag in (*_FLAGS, f"--user-data-dir={folder / 'browser'}"):
        options.add_argument(flag)
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    driver = webdriver.Chrome(options, service)
    driver.set_script_timeout(60)
    try:
        yield driver
    finally:
        driver.quit()


def page_of(address: str, path: str) -> str:
    """Where JupyterLab shows a notebook, and no other one that was open before."""
    return f"{address}/lab/tree/{path}?token={TOKEN}&reset"


def open_and_run(driver: Any, address: str, path: str, seconds: float) -> dict[str, Any]:
    """Open a notebook, run all its cells, and wait until they ran or something went wrong.

    Returns:
        Of the script STATE: "bad" holds errors and stderr.
    """
    driver.get(page_of(address, path))
    wait_until(lambda: driver.execute_script(READY), 120, "a kernel that is ready")
    driver.execute_script(RUN)

    def over() -> dict[str, Any] | None:
        state = driver.execute_script(STATE)
        done = state["status"] == "idle" and state["ran"] == state["cells"]
        return state if done or state["bad"] else None

    return wait_until(over, seconds, "the last cell")
