"""The notebooks in JupyterLab, in a real browser, as a reader uses them: run all, move a slider."""

import os
import re
import shutil
import time
from pathlib import Path

import pytest

import rdc_kit as rdc
from rdc_kit.commands import browsing
from rdc_kit.commands.browsing import wait_until
from rdc_kit.study.explorers import canvas

pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

ROOT = Path(rdc.__file__).resolve().parents[1]
pytestmark = pytest.mark.skipif(bool(browsing.missing()), reason=browsing.missing())
SAVE = (
    browsing.NOTEBOOK
    + """
window.saved = false;
notebook.context.save().then(() => { window.saved = true; });
"""
)
LINKED = """
return [...document.querySelectorAll('.jp-RenderedMarkdown img')].map(img => img.naturalWidth);"""
SHUT = browsing.NOTEBOOK + "notebook.sessionContext.shutdown();"
LOOK = """
const box = arguments[0], done = arguments[1], img = box.querySelector('img');
if (!img || !img.complete || !img.naturalWidth) { done(null); return; }
fetch(img.src).then(r => r.arrayBuffer()).then(b => crypto.subtle.digest('SHA-256', b)).then(
  h => done([img.naturalWidth, Array.from(new Uint8Array(h)).join(' ')]));"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Folder of the server, with the pictures that notebooks link to."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "notebooks").mkdir()
    shutil.copytree(ROOT / "figures", folder / "figures")  # JupyterLab does not serve through links
    return folder


@pytest.fixture(scope="module")
def lab(home):
    """JupyterLab on a port of its own: its address."""
    with browsing.jupyterlab(home) as address:
        yield address


@pytest.fixture(scope="module")
def browser(home):
    with browsing.chromium(home) as driver:
        yield driver
        driver.save_screenshot(str(screenshots(home) / "last.png"))


def screenshots(home):
    """Folder that pictures of the page are left in."""
    folder = Path(os.environ.get("RDC_SCREENSHOTS") or home / "screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def smoke_copy(name, folder):
    """A copy of a notebook whose profile is "smoke"."""
    text = (ROOT / "notebooks" / f"{name}.ipynb").read_text()
    quick, found = re.subn(r'profile: str = \\"\w+\\"', r'profile: str = \\"smoke\\"', text)
    assert found == 1
    (folder / f"{name}.ipynb").write_text(quick)


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
def test_a_notebook_runs_in_the_browser_and_its_slider_redraws(name, lab, browser, home):
    smoke_copy(name, home / "notebooks")
    pictures = screenshots(home)
    state = browsing.open_and_run(browser, lab, f"notebooks/{name}.ipynb", 400)
    browser.save_screenshot(str(pictures / f"{name}-ran.png"))
    assert state["bad"] == []
    linked = browser.execute_script(LINKED)
    assert linked
    assert min(linked) > 300  # the committed figures in the text are there

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
        return now and now[0] and now != before and now  # 0 wide: not loaded yet

    after = wait_until(moved, 30, "another picture after the slider moved")
    assert before[0] == after[0] == canvas.DENSITY * canvas.WIDTH  # the whole picture
    time.sleep(1)
    browser.save_screenshot(str(pictures / f"{name}-moved.png"))
    assert complaints(browser) == []

    browser.execute_script(SAVE)
    wait_until(lambda: browser.execute_script("return window.saved"), 60, "a saved notebook")
    browser.execute_script(SHUT)
    time.sleep(2)
    browser.get(browsing.page_of(lab, f"notebooks/{name}.ipynb"))
    check_the_saved_notebook(browser, pictures / f"{name}-reopened.png")


def check_the_saved_notebook(browser, picture):
    """Whose kernel is gone: its explorers are pictures; no bars, no complaints."""
    selector = ".rdc-still"
    stills = wait_until(lambda: browser.find_elements(By.CSS_SELECTOR, selector), 60, "stills")
    wait_until(lambda: browser.execute_script(browsing.READY), 120, "another kernel")
    time.sleep(3)
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", stills[0])
    browser.save_screenshot(str(picture))
    assert all(still.is_displayed() and still.size["height"] > 40 for still in stills)
    assert all(
        img.size["width"] > 300 for img in browser.find_elements(By.CSS_SELECTOR, f"{selector} img")
    )
    assert complaints(browser) == []
    page = browser.find_element(By.TAG_NAME, "body").text
    assert not re.search(r"\d%\|", page)
    assert browser.find_elements(By.CSS_SELECTOR, ".jp-OutputArea progress") == []
