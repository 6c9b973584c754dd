"""The notebooks in JupyterLab, in a real browser, as a reader uses them: run all, move a slider."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

import rdc_kit as rdc

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

ROOT = Path(rdc.__file__).resolve().parents[1]
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (BROWSER and DRIVER), reason="needs chromium and chromedriver (apt-get install both)"
)
TOKEN = "only-for-this-test"
SETTINGS = {
    # Otherwise cells out of sight are not on the page.
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
FLAGS = """--headless=new --no-sandbox --disable-dev-shm-usage --disable-gpu --no-first-run
--disable-background-networking --disable-component-update --disable-sync --window-size=1400,1800
"""
# Each is JavaScript that says something of the open notebook, read from its model.
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
LOOK = """
const box = arguments[0], done = arguments[1], img = box.querySelector('img');
if (!img || !img.complete || !img.naturalWidth) { done(null); return; }
fetch(img.src).then(r => r.arrayBuffer()).then(b => crypto.subtle.digest('SHA-256', b)).then(
  h => done([img.naturalWidth, Array.from(new Uint8Array(h)).join(' ')]));"""


def wait_until(condition, seconds, what):
    """The first true answer of a condition; fails, saying what was awaited."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if answer := condition():
            return answer
        time.sleep(0.2)
    pytest.fail(f"waited {seconds} s for {what}")


@pytest.fixture
def lab(tmp_path):
    """JupyterLab on a port of its own: its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for name, values in SETTINGS.items():
        path = tmp_path / "settings" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.root_dir": tmp_path,
        "IdentityProvider.token": TOKEN,
        "LabApp.expose_app_in_browser": True,
        "LabApp.user_settings_dir": tmp_path / "settings",
        "LabApp.workspaces_dir": tmp_path / "workspaces",
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += [f"--{name}={value}" for name, value in options.items()]
    folders = ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "RDC_HOME")
    environment = os.environ | {name: str(tmp_path / name.lower()) for name in folders}
    environment |= {"RDC_INTERACTIVE": "1", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    address = f"http://127.0.0.1:{port}"
    with (tmp_path / "lab.log").open("w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            wait_until(lambda: answers(f"{address}/api?token={TOKEN}"), 90, "JupyterLab")
            yield address
        finally:
            server.send_signal(signal.SIGTERM)  # ends its kernels too
            server.wait(30)


def answers(address):
    with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5) as reply:
        return reply.status == 200
    return False


@pytest.fixture
def browser(tmp_path):
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for flag in (*FLAGS.split(), f"--user-data-dir={tmp_path / 'browser'}"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    driver.set_script_timeout(60)
    try:
        yield driver
    finally:
        driver.save_screenshot(str(screenshots(tmp_path) / "last.png"))
        driver.quit()


def screenshots(tmp_path):
    """Folder that pictures of the page are left in."""
    folder = Path(os.environ.get("RDC_SCREENSHOTS") or tmp_path / "screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def smoke_copy(name, folder):
    """A copy of a notebook whose profile is "smoke"."""
    text = (ROOT / "notebooks" / f"{name}.ipynb").read_text()
    quick, found = re.subn(r'profile: str = \\"\w+\\"', r'profile: str = \\"smoke\\"', text)
    assert found == 1
    folder.mkdir()
    (folder / f"{name}.ipynb").write_text(quick)
    (folder.parent / "figures").symlink_to(ROOT / "figures")  # the pictures that it links to


def has_run(browser):
    """The state of the notebook when every cell has run or something went wrong, else None."""
    state = browser.execute_script(STATE)
    over = state["status"] == "idle" and state["ran"] == state["cells"]
    return state if over or state["bad"] else None


def complaints(browser):
    """What a reader would see of errors: error outputs, stderr, an explorer's red line."""
    marks = (
        "[data-mime-type='application/vnd.jupyter.stderr']",
        "[data-mime-type='application/vnd.jupyter.error']",
        ".rdc-error",
    )
    shown = [e.text for e in browser.find_elements(By.CSS_SELECTOR, ", ".join(marks))]
    page = browser.find_element(By.TAG_NAME, "body").text
    lost = ("Traceback", "Error displaying widget", "Loading widget")
    return shown + [line for line in page.splitlines() if line.startswith(lost)]


@pytest.mark.parametrize("name", ["00_start_here", "04_patch_shuffling_vs_extraction"])
def test_a_notebook_runs_in_the_browser_and_its_slider_redraws(name, lab, browser, tmp_path):
    smoke_copy(name, tmp_path / "notebooks")
    pictures = screenshots(tmp_path)
    browser.get(f"{lab}/lab/tree/notebooks/{name}.ipynb?token={TOKEN}")
    wait_until(lambda: browser.execute_script(READY), 120, "a kernel that is ready")
    browser.execute_script(RUN)
    state = wait_until(lambda: has_run(browser), 400, "the last cell")
    browser.save_screenshot(str(pictures / f"{name}-ran.png"))
    assert state["bad"] == []

    for k, box in enumerate(browser.find_elements(By.CSS_SELECTOR, ".rdc-explorer")):
        browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", box)
        browser.save_screenshot(str(pictures / f"{name}-explorer-{k}.png"))
    explorer = browser.find_element(By.CSS_SELECTOR, ".rdc-explorer:has(img)")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", explorer)
    before = wait_until(lambda: browser.execute_async_script(LOOK, explorer), 30, "a picture")
    handles = explorer.find_elements(By.CSS_SELECTOR, ".noUi-handle")
    handles[-1 if name.startswith("00") else 0].send_keys(Keys.ARROW_LEFT * 4, Keys.ARROW_RIGHT)

    def moved():
        now = browser.execute_async_script(LOOK, explorer)
        return now and now != before and now

    after = wait_until(moved, 30, "another picture after the slider moved")
    assert before[0] == after[0] == 900  # pixels wide: the whole picture, not a stump
    time.sleep(1)
    browser.save_screenshot(str(pictures / f"{name}-moved.png"))
    assert complaints(browser) == []
