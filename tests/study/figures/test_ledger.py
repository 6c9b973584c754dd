"""The ledger's figure: claims in points with their intervals, anchors with what was published."""

import itertools

import pandas as pd

from rdc_kit.study.figures.effect_names import effect_title
from rdc_kit.study.figures.ledger import ledger_figure, left_out
from rdc_kit.study.figures.names import source_title
from rdc_kit.study.verdicts.ledger import ledger
from rdc_kit.study.verdicts.tables import collect


def _drawn(axes, part):
    """x of every first (interval), second (mean) or third (threshold) line, by height."""
    lines = sorted((line.get_ydata()[0], k, line) for k, line in enumerate(axes.lines[part::3]))
    return [line.get_xdata()[0] for _, _, line in lines]


def test_every_planned_effect_in_points_is_a_line_with_its_threshold():
    table = ledger(collect("evidence"))
    measured = table[table["low"].notna() & (table["unit"] == "points")]
    drawn = measured[measured["verdict"] != "demonstration"]
    above, *panels = ledger_figure(table).axes
    titles = [ax.get_title(loc="left") for ax in panels]
    assert titles == [
        "CIFAR-10\nConvNet-3 (width 128)\n300 epochs, n = 5",
        "Imagenette\nConvNet-4 (width 128)\n300 epochs, n = 10",
    ]
    for ax, title in zip(panels, titles, strict=True):
        mine = drawn[drawn["dataset"].map(source_title) == title.partition("\n")[0]]
        assert len(mine) > 5
        for part, column in enumerate(["low", "mean", "least"]):
            assert sorted(_drawn(ax, part)) == sorted(mine[column])
    anchors = table[(table["anchor"] > 0) & table["low"].notna()]
    stars = [line.get_xdata()[0] for line in above.lines[2::3]]
    assert stars == anchors["anchor"].tolist()
    assert 14.4 in stars
    teachers = {text.xy[1]: text.get_text() for text in above.texts}
    names = {(t.get_text(), teachers.get(y)) for y, t in enumerate(above.get_yticklabels())}
    assert len(names) == len(anchors)  # a teacher of another length is told


def test_an_effect_stands_beside_its_name_and_below_its_claim():
    table = ledger(collect("evidence"))
    measured = table[table["low"].notna() & (table["unit"] == "points")]
    _, ax, _ = ledger_figure(table).axes
    names = dict(zip(ax.get_yticks(), (t.get_text() for t in ax.get_yticklabels()), strict=True))
    claims = [t.get_text() for t in ax.get_yticklabels(minor=True)]
    assert claims[0].startswith("C1: with soft labels")
    shown = measured["effect"][measured["verdict"] != "demonstration"]
    assert set(names.values()) == set(shown.map(effect_title))
    lines = {line.get_ydata()[0]: line.get_xdata()[0] for line in ax.lines[1::3]}
    mine = measured[(measured["dataset"] == "cifar10") & (measured["claim"] == "C5")]
    beside = next(y for y, name in names.items() if name == "EL2N, easiest − Random" and y in lines)
    by_room = mine.sort_values("ipc", key=lambda ipcs: ipcs.astype(int))
    assert [lines[beside + 0.8 * k] for k in range(3)] == by_room["mean"].tolist()
    told = [text.get_text() for text in ax.texts if text.xy[1] in lines]
    assert len(told) == len(lines)
    rooms = measured["ipc"].astype(str).str.replace(" ", " vs ")
    assert {text.partition(",")[0] for text in told} <= {*rooms}
    assert "10 vs 11" in told
    apart = [y for y, name in names.items() if name == "PCA, of random originals − Random"]
    assert len(apart) == 2  # at equal storage, and ten against eleven: two effects of one kind
    steps = measured[measured["claim"] == "steps"]
    assert {text for text in told if "epochs" in text} >= {
        f"{row.ipc}, {row.epochs:g} epochs" for row in steps.itertuples()
    }


def test_anchors_say_their_labels_their_colours_and_teachers_that_differ():
    above = ledger_figure(ledger(collect("evidence"))).axes[0]
    title = above.get_title(loc="left")
    assert "Random: hard labels; RDED: soft labels of its own protocol" in title
    assert "grey: not reproduced" in above.get_xlabel()
    lengths = {f"teacher of {epochs} epochs" for epochs in (10, 30, 60)}
    assert {text.get_text() for text in above.texts} == lengths


def test_an_effect_of_hard_labels_has_one_row_and_the_scale_stands_above_too():
    _, ax, other = ledger_figure(ledger(collect("evidence"))).axes
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert names.count("Random − SRe2L") == 1
    assert not any("hard labels" in name for name in names)
    for panel in (ax, other):
        assert all(tick.label2.get_visible() for tick in panel.xaxis.get_major_ticks())


def test_other_replicates_than_usual_are_told_beside_the_interval():
    table = ledger(collect("evidence"))
    _, *panels = ledger_figure(table).axes
    measured = table[table["low"].notna() & (table["unit"] == "points")]
    measured = measured[
        ~measured["verdict"].isin(["demonstration"]) & (measured["anchor"].fillna(0) == 0)
    ]
    for ax, (dataset, usual) in zip(panels, (("cifar10", 5), ("imagenette", 10)), strict=True):
        other = measured[(measured["dataset"] == dataset) & (measured["n"] != usual)]
        told = [text.get_text() for text in ax.texts if "n = " in text.get_text()]
        assert len(other) == len(told) > 3


def test_there_is_a_tick_near_every_effect_and_no_number_covers_another():
    """An effect of -13 looked like -11, and those of 16 to 32 had no tick near."""
    figure = ledger_figure(ledger(collect("evidence")))
    figure.canvas.draw()
    for ax in figure.axes[1:]:
        assert ax.get_xticks().tolist() == [-20, -10, -5, 0, 5, 10, 20, 50]
        named = [tick.label1 for tick in ax.xaxis.get_major_ticks() if tick.label1.get_text()]
        boxes = [text.get_window_extent() for text in named]
        assert [t.get_text() for t in named] == ["\u221220", "\u22125", "0", "5", "20", "50"]
        assert all(a.x1 < b.x0 for a, b in itertools.pairwise(boxes))


def test_verdicts_have_marks_of_their_own():
    """Two of them were one cross in oranges that are hard to tell apart."""
    (legend,) = ledger_figure(ledger(collect("evidence"))).legends
    looks = {
        t.get_text(): h for t, h in zip(legend.get_texts(), legend.legend_handles, strict=True)
    }
    assert looks["fails"].get_marker() != looks["not confirmed"].get_marker()


def test_lines_that_are_not_drawn_are_counted():
    row = {"planned": 5, "anchor": 0, "unit": "points", "low": 1.0, "verdict": "holds"}
    rows = [row, row | {"low": None}, row | {"unit": "nats"}, row | {"unit": "nats", "low": None}]
    table = pd.DataFrame([*rows, row | {"planned": None, "low": None}])
    said = "lines not drawn: 2 in other units (nats), 1 of fewer than two replicates"
    assert left_out(table) == said
    assert left_out(table.head(1)) == ""
    apart = pd.DataFrame([row, row | {"verdict": "not judged, rows of different images"}])
    assert left_out(apart) == "lines not drawn: 1 not judged, of rows that cannot be compared"
    whole = ledger(collect("evidence"))
    assert left_out(whole) in ledger_figure(whole).get_supxlabel()


def test_where_nothing_was_planned_demonstrations_are_drawn():
    table = ledger(collect("evidence"), lines=[])
    figure = ledger_figure(table)
    measured = table[table["low"].notna() & (table["unit"] == "points")]
    assert sum(len(ax.lines) // 3 for ax in figure.axes) == len(measured) > 20
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["exploratory", "demonstration"]


def test_a_ledger_without_points_is_a_figure_all_the_same():
    table = ledger(collect("evidence"))
    figure = ledger_figure(table[table["unit"] == "nats"])
    figure.canvas.draw()
    assert [len(ax.lines) for ax in figure.axes] == [0]
    # Rows of different images have a mean and an interval all the same, which say nothing.
    figure = ledger_figure(table.assign(verdict="not judged, rows of different images"))
    assert sum(len(ax.lines) for ax in figure.axes) == 0
    assert " not judged, of rows that cannot be compared" in figure.get_supxlabel()


def test_numbers_of_images_have_no_decimals():
    """A column with a gap in it is one of floats."""
    table = ledger(collect("evidence"))
    table = table[table["low"].notna() & pd.to_numeric(table["ipc"], errors="coerce").notna()]
    above, ax, _ = ledger_figure(table.assign(ipc=table["ipc"].astype(float))).axes
    said = [t.get_text() for t in (*above.get_yticklabels(), *ax.texts)]
    assert any("10 per class" in text for text in said)
    assert not any(".0" in text for text in said)
