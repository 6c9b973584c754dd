"""Effects in words: "EL2N, easiest − Random" for "el2n - random"."""

from __future__ import annotations

from ..grid.terms import CHANCE, Term, terms_of
from .names import line_title


def effect_title(effect: str) -> str:
    """An effect (see `grid.terms`) in words: "EL2N, easiest − Random; soft minus hard".

    How many images per class its terms have is left out, and that all labels are hard, as is
    usual. An effect of methods that are not here stays as it is.
    """
    try:
        terms = terms_of(effect)
    except ValueError:
        return effect
    if len(terms) == 4 and (gap := _gap(terms)):
        return gap
    if len(terms) == 2 and terms[0].arm == terms[1].arm and terms[0].protocol != terms[1].protocol:
        sign = "over" if terms[1].operator == "/" else "minus"
        return f"{_term_title(terms[0])}; {terms[0].protocol} {sign} {terms[1].protocol}"
    how = {term.protocol for term in terms if term.arm != CHANCE}
    shared = how.pop() if len(how) == 1 else None
    told = ""
    for term in terms:
        sign = term.operator.replace("-", "\N{MINUS SIGN}")
        at = f" @ {term.protocol}" * bool(term.protocol and shared is None)
        told += f" {sign} {_term_title(term)}{at}"
    return told.removeprefix(" + ") + f"; {shared} labels" * (shared not in ("", "hard", None))


def usual_labels(effect: str) -> str:
    """An effect without "@hard" where all its labels are hard, as is usual."""
    try:
        how = {term.protocol for term in terms_of(effect) if term.arm != CHANCE}
    except ValueError:
        return effect
    return effect.replace("@hard", "") if how == {"hard"} else effect


def _gap(terms: list[Term]) -> str:
    """Two arms compared by one protocol, minus the same by another; "" of any other effect."""
    plus, minus = ([t for t in terms if t.operator == sign] for sign in "+-")
    for a, d in (plus, plus[::-1]) if len(plus) == len(minus) == 2 else ():
        for b, c in (minus, minus[::-1]):
            same = a.arm == c.arm and b.arm == d.arm
            if same and a.protocol == b.protocol != c.protocol == d.protocol:
                arms = f"{_term_title(a)} \N{MINUS SIGN} {_term_title(b)}"
                return f"{arms}; {a.protocol} minus {c.protocol}"
    return ""


def _term_title(term: Term) -> str:
    """An arm in an effect, by the name that it has in other figures."""
    if term.arm == CHANCE:
        return CHANCE
    name = line_title(term.arm)
    return f"best {term.best} of {name}" if term.best else name
