"""`rdc speed --explorers`: from the release of a control to the new picture, in a real browser.

JupyterLab in headless Chromium; images like photographs, made up, so that nothing is downloaded; an
observer of the usual size, untrained. The kernel has one core, free or shared with a program that
is always busy.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import psutil
import torch
import torch.nn.functional as F

from ..combine import combine
from ..data.checks import check_count
from ..data.imagesets import ImageSet, Traits
from ..ground import files, store
from ..ground.device import choose_runtime, device_name
from ..prune.recorders import Scores
from ..prune.selection import select
from ..study.analyses.observers import PRETRAINED, Observer
from ..study.explorers import widgets
from . import browsing

EXPLORERS = ("composite", "view", "score", "benchmark")
COLUMNS = ["explorer", "control", "core", "size", "moves", "median_s", "worst_s", "cpu_s", "load"]
COLUMNS += ["device", "git", "versions"]
WANTED = 0.3  # seconds
_PID = "kernel.pid"
_CLASSES, _PER_CLASS = 10, 40
_LONGEST = 10.0  # seconds to wait for a picture; a move that changes none is left out

# Notes when a key went down or a choice was made, and when an image of an explorer was there.
_LISTEN = """
window.rdcTimes = {moved: 0, drawn: 0};
for (const what of ['keydown', 'change', 'click'])
  document.addEventListener(what, () => { window.rdcTimes.moved = performance.now(); }, true);
document.addEventListener('load', e => {
  if (e.target.tagName === 'IMG' && e.target.closest('.rdc-explorer'))
    window.rdcTimes.drawn = performance.now();
}, true);"""
# The controls of an explorer: the element, its name, and of a slider's handle its value and end.
_CONTROLS = """
const box = arguments[0];
const name = e => e.closest('.widget-inline-hbox, .widget-checkbox')?.innerText.split('\\n')[0];
return [...box.querySelectorAll('.noUi-handle, select, input[type=checkbox]:not(:disabled)')].map(
  e => ({element: e, name: name(e), kind: e.tagName,
         now: +e.ariaValueNow, end: +e.ariaValueMax}));"""
_CHOOSE = """
const e = arguments[0], by = arguments[1];
e.selectedIndex = (e.selectedIndex + by + e.options.length) % e.options.length;
e.dispatchEvent(new Event('change', {bubbles: true}));"""


def made_up_pool(size: int) -> ImageSet:
    """Images with the detail of photographs, a colour blur and some grain."""
    draw = torch.Generator().manual_seed(0)
    count = _CLASSES * _PER_CLASS
    coarse = torch.rand(count, 3, max(2, size // 16), max(2, size // 16), generator=draw)
    images = F.interpolate(coarse, (size, size), mode="bicubic").mul_(220)
    images += torch.randint(-20, 21, images.shape, generator=draw)
    names = tuple(f"class {k}" for k in range(_CLASSES))
    traits = Traits(size=size, min_crop=0.3, student="convnet3-w32")
    labels = torch.arange(count) % _CLASSES
    pixels = images.clamp_(0, 255).to(torch.uint8)
    return ImageSet(pixels, labels, names, torch.arange(count), traits)


def made_up_explorer(kind: str, size: int) -> Any:
    """One of EXPLORERS on made-up images of a size."""
    pool = made_up_pool(size)
    draw = torch.Generator().manual_seed(1)
    names = ("el2n", "forgetting", "aum")
    scores = {n: Scores.of(pool, n, torch.rand(len(pool), generator=draw)) for n in names}
    if kind == "composite":
        return widgets.composite_builder(pool, scores["el2n"])
    if kind == "score":
        return widgets.score_explorer(pool, scores)
    if kind == "benchmark":
        return widgets.benchmark_browser(_made_up_grid())
    import torchvision

    network = torchvision.models.get_model(PRETRAINED, weights=None).eval().requires_grad_(False)
    observer = Observer((network,), f"{PRETRAINED}, untrained", choose_runtime("cpu"))
    return widgets.view_explorer(combine(select(pool, scores["el2n"], 8), 2), observer)


def _made_up_grid() -> pd.DataFrame:
    families = {"random": "baseline", "el2n": "pruning", "rded": "distillation-real", "pca": "pca"}
    rows = [
        {"arm": m, "method": m, "family": f, "labels": kind, "protocol": kind, "ipc": ipc}
        for m, f in families.items()
        for kind in ("hard", "soft")
        for ipc in (1, 10, 50)
        for _ in range(3)
    ]
    same = {"dataset": "made up", "size": 224, "student": "resnet18", "seconds": 9.0}
    top1 = 30 + np.random.default_rng(0).normal(0, 5, len(rows))
    return pd.DataFrame(rows).assign(**same, top1=top1, image_bytes=1e5, label_bytes=1e3)


def prepare(core: str) -> None:
    """Bind this kernel to one core with one thread; "busy" gives it a companion there."""
    torch.set_num_threads(1)
    Path(_PID).write_text(str(os.getpid()))
    if not hasattr(os, "sched_setaffinity"):
        return
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    if core == "busy":  # ends with its parent, this kernel
        endless = f"import os\nwhile os.getppid() == {os.getpid()}: sum(range(10**6))"
        subprocess.Popen([sys.executable, "-c", endless])


def speed_explorers(size: int = 224, *, rounds: int = 5, out: Path | None = None) -> None:
    """Move every control of every explorer, print a line for each.

    Args:
        size: of the images, pixels.
        rounds: moves of each control.
        out: where the table goes, as csv.

    Raises:
        ValueError: no rounds, no size, or no browser that a program can drive.
    """
    check_count("rounds", rounds)
    if size < 8:
        raise ValueError(f"size must be at least 8 pixels, got {size}")
    if lacking := browsing.missing():
        raise ValueError(lacking)
    rows = []
    for core in ("free", "busy"):
        for row in _timed(size, rounds, core):
            rows.append(row)
            print("{explorer:10} {control:24} {core:5} {median_s:.3f} s, at worst "
                  "{worst_s:.3f}; kernel {cpu_s:.3f}".format(**row), flush=True)  # fmt: skip
    table = pd.DataFrame(rows)[COLUMNS]
    if out:
        files.write_csv(out, table)
    slowest = table.loc[table["median_s"].idxmax()]
    print(
        f"speed: {len(table) // 2} controls at {size} px; the slowest, {slowest['control']!r} of "
        f"the {slowest['explorer']} explorer, takes {slowest['median_s']:.2f} s on a "
        f"{slowest['core']} core (wanted: {WANTED})"
    )


def _timed(size: int, rounds: int, core: str) -> Iterator[dict[str, Any]]:
    """A row per control."""
    device = device_name(torch.device("cpu"))
    facts = {"core": core, "size": size, "device": device, "git": store.git_state()}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        nbformat.write(_notebook(size, core), folder / "explorers.ipynb")
        with (
            browsing.jupyterlab(folder, OMP_NUM_THREADS="1") as address,
            browsing.chromium(folder) as driver,
        ):
            state = browsing.open_and_run(driver, address, "explorers.ipynb", 300)
            if state["bad"]:
                raise RuntimeError(f"the notebook of the explorers failed: {state['bad'][0][:500]}")
            driver.execute_script(_LISTEN)
            kernel = psutil.Process(int((folder / _PID).read_text()))
            boxes = driver.find_elements("css selector", ".rdc-explorer:has(img)")
            for kind, box in zip(EXPLORERS, boxes, strict=True):
                driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", box)
                for control in driver.execute_script(_CONTROLS, box):
                    taken = pd.DataFrame(_moves(driver, control, rounds, kernel))
                    if len(taken):
                        row = {"explorer": kind, "control": control["name"], "moves": len(taken)}
                        row |= {"median_s": taken[0].median().round(3)}
                        row |= {"worst_s": taken[0].max().round(3), "load": os.getloadavg()[0]}
                        row |= {"cpu_s": taken[1].median().round(3)}
                        yield facts | row | {"versions": store.versions_in_words()}


def _notebook(size: int, core: str) -> Any:
    code = ["from rdc_kit.commands import speed_explorers as s", f"s.prepare({core!r})"]
    cells = ["\n".join(code)] + [f"s.made_up_explorer({kind!r}, {size})" for kind in EXPLORERS]
    return nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )


def _moves(
    driver: Any, control: dict[str, Any], rounds: int, kernel: psutil.Process
) -> list[tuple[float, float]]:
    """Seconds of each move that changed the picture, and of the kernel's processor time in them."""
    from selenium.webdriver.common.keys import Keys

    element, taken = control["element"], []
    there, back = Keys.ARROW_RIGHT, Keys.ARROW_LEFT
    if control["now"] >= control["end"]:
        there, back = back, there
    # The first is not counted; an even number, so that the control ends where it began.
    for turn in range(rounds + 1 + (rounds + 1) % 2):
        time.sleep(0.3)
        browsing.wait_until(lambda: driver.execute_script(browsing.READY), 60, "an idle kernel")
        driver.execute_script("window.rdcTimes = {moved: 0, drawn: 0}")
        before = sum(kernel.cpu_times()[:2])
        if control["kind"] == "SELECT":
            driver.execute_script(_CHOOSE, element, -1 if turn % 2 else 1)
        elif control["kind"] == "INPUT":
            element.click()
        else:
            element.send_keys(back if turn % 2 else there)
        with contextlib.suppress(TimeoutError):
            seconds = browsing.wait_until(lambda: _seconds(driver), _LONGEST, "a picture")
            taken += [(seconds, sum(kernel.cpu_times()[:2]) - before)] if turn else []
    return taken


def _seconds(driver: Any) -> float:
    times = driver.execute_script("return window.rdcTimes")
    return max(0.0, times["drawn"] - times["moved"]) / 1000 if times["moved"] else 0.0
