"""Every interval that README, findings and the chapters' planned cells quote is of committed rows.

That of a planned effect is in the ledger; of another, `held/asked.csv` says what was asked: an
effect (`rdc evidence --line LINE --ask EFFECT`), its difference between two lines, or the effect in
some of a line's replicates, "5-9".
"""

import json
import re
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import spearmanr, ttest_1samp

from rdc_kit.commands.evidence_again import summary
from rdc_kit.compression import compress
from rdc_kit.data.checks import from_tensors
from rdc_kit.data.loading import load
from rdc_kit.ground import own
from rdc_kit.ground.folders import checkout, evidence_dir
from rdc_kit.methods import METHODS
from rdc_kit.study.grid.planfile import read_plan
from rdc_kit.study.verdicts import planned
from rdc_kit.study.verdicts.asked import ask_rows
from rdc_kit.study.verdicts.ledger import ledger
from rdc_kit.study.verdicts.ledger_text import MARK
from rdc_kit.study.verdicts.planned import WITHIN, judge_lines, replicates
from rdc_kit.study.verdicts.stats import holm, mean_interval
from rdc_kit.study.verdicts.tables import collect

ASKED = Path(__file__).parent / "held/asked.csv"
DECIMAL = re.compile(r"(?<![\w.])\d+\.\d+(?![\w.])")
NUMBER = r"([-+]?\d+\.\d+)"
# "5.6 points (3.1 to 8.1", "2.4 ahead, -0.2 to 5.0", "70.1 %, 69.1 to 71.1"
QUOTED = re.compile(rf"{NUMBER}[^\d(;]{{0,40}}[(,] ?{NUMBER} to {NUMBER}")

# As the pages say them; a section that names none is about the first.
SETS = {"CIFAR-10": "cifar10", "Imagenette": "imagenette", "digit": "digits"}
VERDICT = re.compile(
    r"^(?:[^()]{0,60}?|\), )"  # in the brackets or, in a table, behind them
    r"(holds|fails|undecided|not confirmed|exploratory|not reproduced|reproduced)"
)


class Measured(NamedTuple):
    """Mean and interval, of which dataset, and the verdict; "exploratory" where it was asked."""

    row: np.ndarray
    dataset: str
    verdict: str


def pages():
    """Name and text of each page."""
    for name in ("README.md", "data/evidence/findings.md"):
        yield name, (checkout() / name).read_text().partition(MARK)[0]
    for path in sorted((checkout() / "notebooks").glob("*.ipynb")):
        for cell in json.loads(path.read_text())["cells"]:
            if cell["id"].startswith("planned"):
                yield path.name, "".join(cell["source"])


def quotes():
    """Page and match of each quoted interval, in the text of its section, which is one line."""
    for name, text in pages():
        for section in re.split(r"(?m)^(?=#+ )", text):
            for found in QUOTED.finditer(" ".join(section.split())):
                yield name, found


@contextmanager
def blur():
    """The lines of the plan in data/evidence/blur, while its method is known."""
    folder = evidence_dir() / "blur"
    own.use_contents({str(folder / "blur.py"): (folder / "blur.py").read_text()})
    try:
        yield read_plan(folder / "plan.toml")
    finally:
        METHODS.pop("blurred")
        own._used.pop(str(folder / "blur.py"))


@pytest.fixture(scope="module")
def measured():
    """Each effect that is planned or asked, and each row of what was made again."""
    lines = {line.key: line for line in read_plan()}
    known = [*judged(ledger(collect("evidence")))]
    again = summary(pd.read_csv(evidence_dir() / "again-cifar10-convnet3.csv"))
    rows = [np.array(found.groups(), float) for found in QUOTED.finditer(again)]
    known += [Measured(row, "cifar10", "") for row in rows]
    known += [Measured(row, "imagenette", "") for row in remade()]
    with blur() as own_lines:
        known += [*judged(judge_lines(own_lines))]
        lines |= {line.key: line for line in own_lines}
        sets = [lines[key].setting.dataset for key in pd.read_csv(ASKED)["line"]]
        asked = zip(asked_of(lines), sets, strict=True)
        return known + [Measured(row, name, "exploratory") for row, name in asked]


def judged(table):
    for row in table.dropna(subset=["mean", "low", "high"]).to_dict("records"):
        numbers = np.array([row["mean"], row["low"], row["high"]], float)
        yield Measured(numbers, row["dataset"], row["verdict"])


def remade():
    """Points by which trainings of blur/ differ from the same of the campaign: all, and hard."""
    files = ("blur/campaign-imagenette.csv", "campaign-imagenette-convnet4.csv")
    again, before = (pd.read_csv(evidence_dir() / file) for file in files)
    both = again.merge(before, on="run_hash")
    apart = both["top1_x"] - both["top1_y"]
    hard = both["protocol_x"] == "hard"
    assert (len(both), hard.sum()) == (15, 10)
    assert (both["set_hash_x"] == both["set_hash_y"]).all()
    return [np.array(mean_interval(some.to_numpy())) for some in (apart, apart[hard])]


def asked_of(lines):
    """Mean and interval of what held/asked.csv names, in its order."""
    for key, effect, minus, seeds in pd.read_csv(ASKED).fillna("").itertuples(index=False):
        if minus or seeds:
            values = replicates(lines[key], lines[key].rows(), effect)
            values -= replicates(lines[minus], lines[minus].rows(), effect) if minus else 0
            first, last = map(int, (seeds or "0-99").split("-"))
            yield np.array(mean_interval(values.loc[first:last].dropna().to_numpy()))
        else:
            yield ask_rows(lines[key], [effect])[["mean", "low", "high"]].to_numpy(float)[0]


def is_rounded(value, text):
    """Whether a number is what the text says, to its last digit."""
    return abs(value - float(text)) <= 0.5 * 10.0 ** -len(text.partition(".")[2]) + 1e-9


def is_said(row, texts):
    """Whether the texts are a row's, said of either side of a difference, in points or shares."""
    mean, low, high = row
    ways = [row, 100 * row, (-mean, -high, -low)]
    return any(all(map(is_rounded, way, texts)) for way in ways)


def is_meant(one, found):
    """Whether the section of a quote is about what was measured, and says its verdict or none."""
    named = [dataset for said, dataset in SETS.items() if said in found.string]
    verdict = VERDICT.match(found.string[found.end() :])
    about = one.dataset in (named or [*SETS.values()][:1])
    return about and (not verdict or one.verdict.startswith(verdict[1]))


def test_every_interval_that_is_quoted_was_measured(measured):
    unknown = [
        f"{name}: {found.group()}"
        for name, found in quotes()
        if not any(is_said(one.row, found.groups()) and is_meant(one, found) for one in measured)
    ]
    assert not unknown
    assert len(list(quotes())) > 80


def test_what_was_asked_is_quoted(measured):
    """Or it needs no asking."""
    said = [found.groups() for _, found in quotes()]
    asked = pd.read_csv(ASKED)
    for one, effect in zip(measured[-len(asked) :], asked["effect"], strict=True):
        assert any(is_said(one.row, texts) for texts in said), effect


def test_the_readme_says_no_number_that_the_findings_do_not_say():
    """There each has its interval."""
    found = (checkout() / "README.md").read_text().partition("## What it found so far")[2]
    said = set(DECIMAL.findall(found.partition("[The findings]")[0]))
    assert len(said) > 15
    assert said <= set(DECIMAL.findall((evidence_dir() / "findings.md").read_text()))


def test_a_wrong_digit_is_seen(measured):
    assert any(is_said(one.row, ("5.6", "3.1", "8.1")) for one in measured)
    assert not any(is_said(one.row, ("5.6", "3.1", "8.2")) for one in measured)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("On CIFAR-10 by 9.1 (7.8 to 10.4, holds).", True),
        ("By 9.1 (7.8 to 10.4), and digits differ (2.0, 1.0 to 3.0, undecided).", False),
        ("By 9.1 (7.8 to 10.4) of CIFAR-10, and of digits.", True),
        ("By 9.1 (7.8 to 10.4; n = 5).", True),
        ("By 9.1 (7.8 to 10.4, undecided).", False),
        ("| 9.1 (7.8 to 10.4), undecided |", False),
        ("| 9.1 (7.8 to 10.4), holds |", True),
        ("By 9.1 (7.8 to 10.4) on Imagenette.", False),
    ],
)
def test_an_interval_of_another_dataset_or_verdict_is_seen(said, meant):
    one = Measured(np.array([9.1, 7.8, 10.4]), "cifar10", "holds, for one teacher")
    assert is_meant(one, QUOTED.search(said)) is meant


def test_how_far_the_order_by_hard_labels_is_that_by_soft_ones():
    lines = {line.key: line for line in read_plan()}
    told = (evidence_dir() / "findings.md").read_text()
    for ipc, said in ((1, "rank correlation of hard with soft 0.93"), (10, "order changes (0.19)")):
        plain, others = lines[f"hidden-cifar10-{ipc}"], lines[f"labels-cifar10-{ipc}"]
        arms = {arm: plain for arm in plain.arms} | {arm: others for arm in others.arms[1:]}
        means = [
            [
                replicates(line, line.rows(), f"{arm}@{how}").loc[:4].mean()
                for how in plain.protocols
            ]
            for arm, line in arms.items()
        ]
        assert len(means) == 8
        assert list(arms)[2] == "pca"
        if ipc == 10:
            rest = spearmanr(means[:2] + means[3:]).statistic
            assert f"other seven mostly stays ({rest:.2f})" in " ".join(told.split())
        assert re.search(r"0\.\d+", said)[0] == f"{spearmanr(means).statistic:.2f}"
        assert said in " ".join(told.split())


def test_blurred_images_are_the_random_ones_without_what_a_cell_cannot_show():
    pool = load("digits", 16).train
    with blur():
        sharp, soft = (compress(name, pool, 2, seed=3) for name in ("random", "blurred"))
    assert torch.equal(sharp.row_ids, soft.row_ids)
    assert torch.equal(sharp.labels, soft.labels)
    pattern = torch.full((2, 3, 8, 8), 90, dtype=torch.uint8)
    pattern[1] = torch.tensor([0, 200] * 4)  # stripes of one pixel
    with blur():
        of_two = from_tensors(pattern, torch.tensor([0, 1]))
        made = METHODS["blurred"].make(of_two, 1, 0, None).images
    assert (made[0] == 90).all()
    assert made[1].float().std() < 0.2 * pattern[1].float().std()  # are grey
    assert 0 < (sharp.images.float() - soft.images.float()).abs().mean() < 20


def test_what_one_correction_over_all_effects_would_leave():
    lines = read_plan()
    table = judge_lines(lines)
    rows_of = [(line, line.rows()) for line in lines]
    each = [(line, rows, effect) for line, rows in rows_of for effect in line.effects]
    raw = [planned._judged(*one).get("p", np.nan) for one in each]
    table = table.assign(raw=raw)[(pd.notna(raw)) & (table["anchor"] == 0).to_numpy()]
    said = table["verdict"].str.split(",").str[0]
    decided = said.isin(["holds", "fails", "not confirmed"])
    lost = decided & (holm(table["raw"].to_numpy(float)) > 0.05)
    told = " ".join((evidence_dir() / "findings.md").read_text().split())
    assert f"There are {table['family'].nunique()} families with results" in told
    assert f"one or two of the {decided.sum()} decisions below" in told
    assert f"over all {len(table)} measured effects {lost.sum()} of them" in told
    assert ((said == "fails").sum(), (lost & (said == "fails")).sum()) == (3, 2)
    assert (said == "not confirmed").sum() == 12


def test_means_that_are_quoted_without_an_interval_are_those_of_the_rows():
    lines = {line.key: line for line in read_plan()}
    told = " ".join((evidence_dir() / "findings.md").read_text().split())
    rows = pd.read_csv(evidence_dir() / "campaign-imagenette-convnet4-entropy.csv")
    nll = rows[rows["budget"] == 10].groupby("arm")["seen_nll"].mean()
    shown = f"(NLL {nll['pca']:.2f} and {nll['el2n']:.2f} nats; random images {nll['random']:.2f})"
    assert shown in told
    keys = ("steps-cifar10-10-60", "combining-cifar10-10", "steps-cifar10-10-1200")
    lengths = [lines[key] for key in keys]
    for arm in ("pca", "random"):
        means = [replicates(line, line.rows(), arm).loc[:4].mean() for line in lengths]
        assert f"({', '.join(f'{mean:.1f}' for mean in means)} %)" in told
    ten = replicates(lengths[1], lengths[1].rows(), "random")
    missed = [np.mean(five) - 26.0 > WITHIN for five in combinations(ten, 5)]
    assert f"are {ten.mean() - 26.0:.2f} above" in told
    assert 0.4 < np.mean(missed) < 0.5  # "nearly half"


def test_which_verdict_the_replaced_rows_would_change():
    """The one whose corrected p is nearest to 5 %."""
    told = (evidence_dir() / "README.md").read_text()
    assert "the hardest with one per class on CIFAR-10" in " ".join(told.split())
    lines = [line for line in read_plan() if line.family == "pruning, cifar10"]
    found = [planned._judged(line, line.rows(), e) for line in lines for e in line.effects]
    raw = np.array([one["p"] for one in found])
    place = [(line.key, e) for line in lines for e in line.effects].index(
        ("pruning-cifar10-1", "random - el2n order=hard")
    )
    assert f"(corrected p {holm(raw)[place]:.2f})" in " ".join(told.split())
    before = pd.read_csv(evidence_dir() / "replaced-rows.csv").query(
        "budget == 1 and dataset == 'cifar10'"
    )
    old = before.pivot(index="seed", columns="arm", values="top1")["el2n order=hard"]
    random = replicates(lines[0], lines[0].rows(), "random")
    raw[place] = ttest_1samp(random - old, 0).pvalue
    assert holm(raw)[place] > 0.05


def test_how_often_the_teacher_answers_for_noise_is_that_of_the_rows():
    lines = {line.key: line for line in read_plan()}
    told = (evidence_dir() / "findings.md").read_text()
    keys = ("noise-cifar10-10", "noise-cifar10-10-long", "noise-cifar10-100")
    answers = [lines[key].rows()["views"].unique().item() for key in keys]
    assert f"| answers of the teacher | {' | '.join(f'{n:,}' for n in answers)} |" in told


def test_what_the_protocol_alone_moves_is_that_of_the_rows():
    rows = pd.read_csv(evidence_dir() / "01-digits-32px-protocols.csv")
    top1 = rows.pivot(index="seed", columns=["arm", "protocol"], values="top1")
    cells = json.loads((checkout() / "notebooks/01_soft_vs_hard_labels.ipynb").read_text())["cells"]
    told = " ".join(" ".join("".join(cell["source"]) for cell in cells).split())
    own, usual, best = (f"{top1['sre2l', name].mean():.1f}" for name in ("sre2l", "soft", "rded"))
    more = mean_interval((top1["sre2l", "rded"] - top1["sre2l", "sre2l"]).to_numpy())
    assert f"{own} % by its own protocol, {usual} by the benchmark's (`soft`) and {best}" in told
    assert f"by RDED's, {more[0]:.1f} above its own ({more[1]:.1f} to {more[2]:.1f})" in told
    others = [f"{top1['rded', name].mean():.1f}" for name in ("sre2l", "soft", "rded")]
    assert f"those of RDED {others[0]}, {others[1]} and {others[2]}" in told
