"""An explorer on a page: a widget, and a still for those who have no kernel."""

import IPython.display
import ipywidgets
import pytest

from rdc_kit.study.explorers import page


@pytest.fixture
def shown(monkeypatch):
    """What is displayed, as bundles."""
    bundles = []
    monkeypatch.setattr(IPython.display, "display", lambda data, raw: bundles.append(data))
    return bundles


def test_an_explorer_shows_a_widget_and_then_a_still_that_carries_its_own_picture(shown):
    box = page.Explorer([ipywidgets.Label("x")], lambda: page.as_image(b"\xff\xd8picture", "a < b"))
    box._ipython_display_()
    widget, still = shown
    assert widget["application/vnd.jupyter.widget-view+json"]["model_id"] == box.model_id
    assert widget["text/plain"] == still["text/plain"] == ""  # never the text of a widget
    assert 'class="rdc-still"' in still["text/html"]
    assert 'alt="a &lt; b" src="data:image/jpeg;base64,/9hwaWN0dXJl"' in still["text/html"]
    assert "Run this cell" in still["text/html"]


def test_the_still_is_made_when_the_explorer_is_shown_and_not_before(shown):
    words = ["early"]
    box = page.Explorer([], lambda: words[0])
    words[0] = "late"
    box._ipython_display_()
    assert "late" in shown[1]["text/html"]


def test_a_message_is_escaped_and_only_our_own_errors_are_marked():
    assert "a &lt; b" in page.told("a < b")
    assert "rdc-error" not in page.told("choose more")
    assert "rdc-error" in page.told("broken", error=True)


def test_controls_stand_in_columns_as_the_window_has_room():
    panel = page.panel([ipywidgets.Label("x"), ipywidgets.Label("y")])
    assert panel.layout.display == "grid"
    assert "auto-fill" in panel.layout.grid_template_columns
