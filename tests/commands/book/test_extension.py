"""The parts that Sphinx is given: formulas without a script, docstrings in our form."""

import re

from rdc_kit.commands.book.extension import as_mathml, with_paragraphs


def text_of(markup):
    return re.sub(r"\s+", "", re.sub(r"<[^>]+>", "", markup))


def test_a_formula_is_markup_that_a_browser_draws_alone():
    inline = as_mathml(r"\frac{1}{N}\sum_i x_i")
    assert inline.startswith("<math") and "script" not in inline
    assert re.search(r"<mfrac>\s*<mn>1</mn>\s*<mi>N</mi>\s*</mfrac>", inline)
    assert text_of(inline) == "1N∑ixi"
    assert 'display="block"' in as_mathml("x", block=True)


def test_a_formula_that_cannot_be_read_stays_text_and_is_escaped():
    assert as_mathml(r"\nosuchcommand <b>") == r"<code>\nosuchcommand &lt;b&gt;</code>"


def test_source_and_differs_are_paragraphs_whatever_their_indent():
    lines = ["Does it.", "", "Args:", "    x: this.", "", "Source: a paper,", "    page 3."]
    lines += ["Differs: not so", "    much.", "", "    kept"]
    assert with_paragraphs(lines) == [
        *("Does it.", "", "Args:", "    x: this.", ""),
        *(
            "",
            "**Source:** a paper,",
            "page 3.",
            "",
            "**Differs:** not so",
            "much.",
            "",
            "    kept",
        ),
    ]
