"""States in the words of a reader."""

from rdc_kit.study.explorers.words import state_in_words


def test_a_state_is_told_in_the_words_of_its_controls():
    state = {
        "name": "3",
        "window": (1, 16),
        "grouping": "rank_block",
        "flip": True,
        "score": "el2n",
    }
    assert state_in_words(state | {"against": ""}) == (
        "class 3 · ranks 1 to 16 · originals spread over the ranks · flip yes · score EL2N"
    )
