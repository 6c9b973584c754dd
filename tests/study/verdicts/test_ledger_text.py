"""The ledger as text: every cell whole, every chapter with the verdicts of the whole ledger."""

import itertools
import re

import pandas as pd
import pytest

from rdc_kit.study.verdicts import ledger, ledger_text
from rdc_kit.study.verdicts.planned import judge_lines
from rdc_kit.study.verdicts.tables import collect

from .conftest import arms, write

GOOD = {"el2n": [80, 81, 82], "random": [60, 62, 61]}


def test_a_dataset_of_any_name_stays_in_its_cell_of_the_table(fresh_home):
    table = pd.concat([arms(GOOD)]).assign(dataset="folder:/a|b\n<script>alert(1)</script>")
    write(fresh_home, "00_start_here-a", {"runs": table})
    text = ledger_text.as_markdown(ledger.ledger(collect()))
    assert "<script" not in text
    for part in text.split("\n\n")[1::2]:  # the tables, between sentences
        bars = [len(re.findall(r"(?<!\\)[|]", line)) for line in part.split("\n")]
        assert len(set(bars)) == 1
        assert bars[0] > 2


def test_a_name_with_marks_stays_text_and_in_its_cell(fresh_home):
    rows = {"runs": arms(GOOD).assign(dataset="folder:/x/<img src=x>|y")}
    write(fresh_home, "00_start_here-a", rows)
    table = ledger.ledger(collect())
    says, shown = ledger_text.as_markdown(table[table["claim"] == "C5"]).split("\n\n")
    assert says.startswith("**C5**: the easiest by EL2N beat random at small ipc ([the cells")
    head, _, line = shown.split("\n")
    assert r"folder:/x/&lt;img src=x&gt;\|y, " in line
    assert line.replace(r"\|", "").count("|") == head.count("|")


def test_claim_by_claim_every_row_is_told_once_with_its_verdict(fresh_home):
    rows = [arms(GOOD, ipc=ipc) for ipc in (1, 2)]
    write(fresh_home, "00_start_here-a", {"runs": pd.concat(rows)})
    whole = ledger.ledger(collect())
    told = list(ledger_text.by_claim(whole))
    assert [claim for claim, *_ in told] == list(whole["claim"].unique())
    verdicts = []
    for _, _, table in told:
        rows = [line[2:-2].split(" | ") for line in table.splitlines()]
        assert {len(row) for row in rows} == {len(rows[0])}
        verdicts += [row[rows[0].index("verdict")] for row in rows[2:]]
    assert verdicts == list(whole["verdict"])


def test_claim_by_claim_columns_that_say_nothing_are_left_out(fresh_home):
    rows = {"runs": arms(GOOD).assign(dataset="folder:/x/<img src=x>|y")}
    write(fresh_home, "00_start_here-a", rows)
    table = ledger.ledger(collect())
    told = {claim: (says, shown) for claim, says, shown in ledger_text.by_claim(table)}
    says, shown = told["C5"]
    link = "[the cells that show it](00_start_here.ipynb#The-measurement)"
    assert says == f"the easiest by EL2N beat random at small ipc ({link})"
    head, _, line = shown.split("\n")
    assert head == "| effect | verdict | on | 95 % over replicates | n |"
    assert line.startswith(r"| el2n - random | exploratory | folder:/x/&lt;img src=x&gt;\|y, ")
    space = "\N{NO-BREAK SPACE}"
    assert f" | +20.0{space}(+17.5{space}to{space}+22.5) points | 3 |" in line
    assert told["C10"][1] == "| verdict | n |\n| --- | --- |\n| not tested | 0 |"


@pytest.mark.parametrize(
    ("least", "anchor", "bar"),
    [(-2.3, 0, ", must exceed -2.3"), (15, 0, ", must exceed 15"), (0, 0, ""), (50.2, 50.2, "")],
)
def test_beside_an_effect_stands_what_it_must_exceed(least, anchor, bar, fresh_home):
    """A reader of "holds" could not see of which threshold."""
    write(fresh_home, "00_start_here-a", {"runs": arms(GOOD)})
    table = ledger.ledger(collect())
    rows = table[table["claim"] == "C5"].assign(least=least, anchor=anchor, planned=3)
    assert f"| el2n - random{bar} | " in ledger_text.as_markdown(rows)
    assert f" el2n - random{bar}: +20.0 " in ledger_text.as_text(rows)
    assert f"| `el2n - random`, points{bar} | " in ledger_text.decided(rows)


def test_a_number_of_images_has_no_decimals(fresh_home):
    """It is a float where other rows of the ledger have none."""
    write(fresh_home, "00_start_here-a", {"runs": arms(GOOD, ipc=2)})
    row = ledger.ledger(collect()).set_index("claim").loc["C5"]
    assert ", 2 per class," in ledger_text.tested_on(row.to_dict())
    assert ", 1 10 per class," in ledger_text.tested_on(row.to_dict() | {"ipc": "1 10"})
    chosen = row.to_dict() | {"crops": "0.08 1.0"}
    assert ledger_text.tested_on(chosen) == f"{ledger_text.tested_on(row.to_dict())}, crop chosen"
    soft = row.to_dict() | {"labels": "soft"}
    assert ledger_text.tested_on(soft) == f"{ledger_text.tested_on(row.to_dict())}, soft labels"
    both = soft | {"effect": "pca@soft - random@soft"}  # which says it
    assert ledger_text.tested_on(both) == ledger_text.tested_on(row.to_dict())


def _columns(markdown):
    """Of a table with one row per claim and effect: {head: {claim and effect: cell}}."""
    rows = [line[2:-2].split(" | ") for line in markdown.split("\n\n")[0].splitlines()]
    for above, row in itertools.pairwise(rows):
        row[0] = row[0].strip() or above[0]  # a claim is told once
    return {
        head: {" | ".join(row[:2]): row[k].strip() for row in rows[2:]}
        for k, head in enumerate(rows[0])
    }


@pytest.mark.parametrize("claims", [("C5",), ("C8", "pruning once combined"), ("C12",)])
def test_a_chapter_shows_the_verdicts_of_the_whole_ledger(claims):
    """Judged alone, a line would be corrected for fewer others, or lack its anchor."""
    whole = ledger.ledger(collect("evidence"))
    mine = whole["claim"].map(lambda key: key.split(",")[0] in claims)
    planned = whole[mine & whole["planned"].notna()]
    told = ledger_text.so_far(*claims)
    rows = planned[planned["n"] > 1]
    for row in rows.to_dict("records"):
        where = ledger_text.tested_on(row | {"ipc": None})
        columns = _columns(told.split(f"**{where}**\n\n")[1])
        half = row["high"] - row["mean"]
        # No line of a narrow column ends inside a number, nor between "n" and its value.
        number, count = f"{row['mean']:+.1f} ± {half:.1f}", f"n = {row['n']}"
        parts = [part.replace(" ", "\N{NO-BREAK SPACE}") for part in (number, count)]
        cell = f"{', '.join(parts)}: {row['verdict']}"
        line = f"{row['claim']}: {row['says']} | `{row['effect']}`, {row['unit']}"
        room = "several (after #)" if isinstance(row["ipc"], str) else f"{row['ipc']} per class"
        assert columns[room][line] == cell
    assert told.count("n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}") == len(rows)
    assert told.endswith(
        f"{len(rows)} of {len(planned)} planned effects have two replicates or more."
    )


def test_a_chapter_whose_lines_wait_for_their_rows_says_what_is_asked(monkeypatch):
    monkeypatch.setattr(ledger, "judge_lines", lambda lines: judge_lines(lines).assign(n=0))
    told = ledger_text.so_far("C13")
    assert told.startswith(
        "Pending: C13 (pruned sets have the lowest entropy); C13, composites (RDED"
    )
    assert re.search(r"\.\n\n0 of \d+ planned effects have two replicates or more.$", told)


def test_a_claim_that_waits_for_its_rows_is_said_beside_those_that_have_them(monkeypatch):
    """Once another had rows it went without a word."""

    def half_done(lines):
        judged = judge_lines(lines)
        return judged.assign(n=judged["effect"].str.contains("@soft / ").map({True: 0, False: 5}))

    monkeypatch.setattr(ledger, "judge_lines", half_done)
    *tables, pending, count = ledger_text.so_far("C4", "C16", "C17").split("\n\n")
    assert pending == "Pending: C16 (soft labels cost 1.5 times the training time or more)."
    assert re.fullmatch(r"\d+ of \d+ planned effects have two replicates or more.", count)
    assert "| C17: the protocol alone" in "".join(tables)
    assert "Pending" not in ledger_text.so_far("C17")
