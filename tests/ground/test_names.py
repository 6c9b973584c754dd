"""The sentence for a name that is not known, and names on a page."""

from rdc_kit.ground.names import in_markdown, unknown


def test_the_near_match_is_named_with_all_that_is_known():
    told = unknown("method", "rndom", ["random", "noise"])
    assert told == "unknown method 'rndom' - did you mean 'random'? Known: random, noise"


def test_a_name_like_no_other_gets_no_guess():
    assert unknown("method", "xyz", ["random", "noise"]) == (
        "unknown method 'xyz'. Known: random, noise"
    )


def test_further_forms_are_listed_and_never_guessed():
    told = unknown("dataset", "folder:PAT", ["digits"], ["folder:PATH"])
    assert told == "unknown dataset 'folder:PAT'. Known: digits, folder:PATH"


def test_known_names_may_come_from_an_iterator():
    told = unknown("method", "nois", (name for name in ("random", "noise")))
    assert told.endswith("did you mean 'noise'? Known: random, noise")


def test_a_name_on_a_page_is_one_line_without_html_or_new_columns():
    assert in_markdown("<script>a</script>\n# b | c & d") == (
        "&lt;script&gt;a&lt;/script&gt; # b \\| c &amp; d"
    )
    assert in_markdown(3) == "3"
