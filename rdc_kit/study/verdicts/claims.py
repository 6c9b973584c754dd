"""The claims of the paper, and the effects that test each; `ledger` says what was found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Claim:
    """A claim and its tests.

    Attributes:
        key: its name in the ledger, such as "C9".
        says: the claim, in one sentence.
        table: "NN/NAME" of the table that shows it.
        effects: each tests the claim; a positive one supports it. See `grid.terms`.
        least: what an effect must be above.
        unit: of the effects.
        value: the column of the table that is compared.
        ipc_from: the claim is about this many images per class and more.
    """

    key: str
    says: str
    table: str
    effects: tuple[str, ...] = ()
    least: float = 0.0
    unit: str = "points"
    value: str = "top1"
    ipc_from: int = 1


_FROM_NOISE = ("sre2l", "cda", "gvbsm", "lpld")
_RANDOM_SOFT = tuple(f"random@soft - {name}@soft" for name in (*_FROM_NOISE, "dwa", "rded"))
_UNMIXED = "pca - pca loss=ce_unmixed mix="
_GAPS = tuple(
    f"{name}@soft - {name}@hard - el2n@soft + el2n@hard" for name in ("sre2l", "cda", "lpld")
)
_HIDDEN = tuple(
    f"{name}@hard - random@hard - {name}@soft + random@soft"
    for name in ("el2n", "pca", "pca order=random")
)

# fmt: off
CLAIMS = [
    Claim("anchor", "our mean is within 2.5 points of a published number", "01/runs"),
    Claim("C1", "with soft labels, random is at most a point below each distilled set", "01/runs",
          _RANDOM_SOFT, -1),
    Claim("C1, 50 and more per class", "with soft labels, random beats each distilled set",
          "01/runs", _RANDOM_SOFT, ipc_from=50),
    Claim("C2", "with hard labels, sets made from noise fall below random", "01/runs",
          tuple(f"random@hard - {name}@hard" for name in _FROM_NOISE)),
    Claim("C3", "the soft-hard gap is far larger for sets made from noise than for pruned ones",
          "01/runs", _GAPS, 5),
    Claim("soft labels hide", "what images gain over random ones is less with soft labels",
          "01/runs", _HIDDEN),
    Claim("combining, soft", "with soft labels composites of random originals are below random",
          "01/runs", ("random@soft - pca order=random@soft",)),
    Claim("C4", "pure noise with soft labels trains far above chance", "01/runs",
          ("noise@soft / chance",), 1.5, "times"),
    Claim("C4, hard", "pure noise with hard labels stays at chance, to two points", "01/runs",
          ("chance - noise@hard",), -2),
    Claim("C4, spectrum", "with hard labels too noise with the pool's spectrum teaches more",
          "01/runs", ("noise spectrum=pool - noise",)),
    Claim("C5", "the easiest by EL2N beat random at small ipc", "00/runs", ("el2n - random",)),
    Claim("C5, hardest", "the hardest are below random", "00/runs", ("random - el2n order=hard",)),
    Claim("C6", "EL2N and AUM beat Forgetting", "02/runs",
          ("el2n - forgetting", "aum - forgetting")),
    Claim("C7", "the best difficulty moves to harder images as ipc grows", "02/runs",
          unit="of a class"),
    Claim("C8", "combining helps at equal storage", "05/runs", ("pca order=random - random",)),
    Claim("C8, of the easiest", "combining the easiest helps at equal storage", "05/runs",
          ("pca - el2n",)),
    Claim("pruning once combined", "composites of the easiest beat composites of random originals",
          "05/runs", ("pca - pca order=random",)),
    Claim("spread once combined", "originals spread over difficulties (CCS) make better composites",
          "05/runs"),
    Claim("room or steps", "what pruning costs composites does not come from more steps",
          "05/runs"),
    Claim("C9", "patch extraction beats other views of composites", "00/runs",
          ("pca - pca view=shuffle", "pca - pca view=whole")),
    Claim("C10", "the crop ratio has an interior optimum", "05/runs",
          ("pca - pca crop=0.02", "pca - pca crop=1")),
    Claim("C11, Cutout", "Cutout is at least neutral, to a point", "05/runs",
          ("pca cutout=0.5 - pca",), -1),
    Claim("C11", "Mixup and CutMix hurt under hard labels, labels mixed", "05/runs",
          ("pca - pca mix=mixup", "pca - pca mix=cutmix")),
    Claim("C11, unmixed", "Mixup and CutMix hurt with the released code's unmixed labels",
          "05/runs", (_UNMIXED + "mixup", _UNMIXED + "cutmix")),
    Claim("C12", "PCA leads, network by network", "06/runs",
          ("pca - random", "pca - el2n", "pca - rded", "pca - rded factor=2")),
    Claim("C13", "pruned sets have the lowest entropy", "03/sets",
          ("random - el2n", "rded - el2n", "sre2l - el2n"), unit="nats", value="stored"),
    Claim("C13, composites", "RDED's composites have more entropy than PCA's", "03/sets",
          ("rded factor=2 - pca",), unit="nats", value="stored"),
    Claim("C13, views", "shuffled views have more entropy than extracted ones", "04/entropy",
          ("pca view=shuffle - pca",), unit="nats", value="entropy"),
    Claim("C14", "cropping for likelihood leaves some images less sure", "03/crops",
          ("random",), unit="% of images", value="share"),
    Claim("C15", "small crops cancel the entropy gain of pruned and of cropped sets", "03/sets",
          ("el2n - random", "rded - random"), unit="nats", value="at_crop"),
    Claim("C16", "soft labels cost 1.5 times the training time or more", "07/price",
          ("el2n@soft / el2n@hard", "sre2l@soft / sre2l@hard"), 1.5, "times", "seconds"),
    Claim("C17", "the protocol alone moves a distilled set by five points", "01/protocols",
          ("sre2l@soft - sre2l@sre2l",), 5),
    Claim("C17, RDED", "RDED's own protocol lifts it, and random sets with it", "01/protocols",
          ("rded@rded - rded@soft", "random@rded - random@soft")),
    Claim("steps", "the order is the same for another length of training", "05/runs"),
]
# fmt: on

# Where each table is shown: notebook and heading.
SHOWN = {
    "00/runs": ("00_start_here", "The measurement"),
    "01/runs": ("01_soft_vs_hard_labels", "The measurement"),
    "01/protocols": ("01_soft_vs_hard_labels", "The protocol alone moves the number"),
    "02/runs": ("02_pruning_metrics", "What is each end worth?"),
    "03/sets": ("03_entropy", "Figure 3: every method's set"),
    "03/crops": ("03_entropy", "Proposition 4.1: likelier is not simpler"),
    "03/curve": ("03_entropy", "Theorem 4.2: a crop that takes it back"),
    "04/entropy": ("04_patch_shuffling_vs_extraction", "Entropy of the views"),
    "05/runs": ("05_pca_ablations", "The questions"),
    "06/runs": ("06_cross_architecture", "The measurement"),
    "07/price": ("07_soft_label_leakage", "What soft labels cost"),
}
