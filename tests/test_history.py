"""A session's readings: one a film and model, what the reader thought, her matrix, to and fro."""

import json
from dataclasses import replace

import pytest

from pneumo_core.confusion import Confusion
from pneumo_core.errors import DataError
from pneumo_core.history import (
    COMMENT,
    MOST,
    Reading,
    agreement,
    find,
    from_json,
    matrix,
    merged,
    noted,
    placed,
    to_json,
    with_reading,
)

ONE = Reading("2026-01-02T03:04:05+00:00", "a" * 64, "net", "Pneumonia", 0.8, 0.5)


def read(number, verdict, opinion=None, truth=None):
    return replace(ONE, film=str(number), verdict=verdict, opinion=opinion, truth=truth)


MANY = (
    read(1, "Pneumonia", "agree", "Pneumonia"),
    read(2, "Pneumonia", "disagree", "Normal"),
    read(3, "Pneumonia", "disagree", "Pneumonia"),
    read(4, "Normal", "agree", "Pneumonia"),
    read(5, "Normal", "unsure", "Normal"),
    read(6, "Normal", "agree", "Normal"),
    read(7, "Normal"),
    read(8, "Normal", "disagree"),
)


def test_a_film_read_again_has_one_reading_and_keeps_what_was_said_of_it():
    history = with_reading(with_reading((), ONE), replace(ONE, film="b"))
    said = replace(ONE, opinion="agree", comment="clear", truth="Pneumonia")
    history = with_reading(history, said)
    history = with_reading(history, replace(ONE, when="later", probability=0.9))
    assert [one.film for one in history] == ["b", ONE.film]
    last = history[-1]
    assert (last.when, last.probability) == ("later", 0.9)
    assert (last.opinion, last.comment, last.truth) == ("agree", "clear", "Pneumonia")


def test_an_opinion_of_one_verdict_is_none_of_another():
    said = replace(ONE, opinion="agree", comment="clear")
    (again,) = with_reading((said,), replace(ONE, verdict="Normal", threshold=0.9))
    assert (again.opinion, again.comment) == (None, "clear")


def test_another_model_has_a_reading_of_its_own():
    assert len(with_reading((ONE,), replace(ONE, run="other"))) == 2


def test_what_is_on_screen_is_noted_once_and_follows_the_threshold():
    history = noted((), ONE)
    assert noted(history, replace(ONE, when="2026-01-02T03:05:00+00:00")) == history
    moved = replace(ONE, verdict="Normal", threshold=0.9, when="2026-01-02T03:06:00+00:00")
    assert noted(history, moved) == (moved,)


def test_what_has_an_opinion_stays_as_it_was_seen():
    history = (replace(ONE, opinion="unsure"), replace(ONE, film="b"))
    assert noted(history, replace(ONE, verdict="Normal", threshold=0.9)) == history


def test_an_answer_is_put_in_its_place_and_can_be_taken_back():
    history = (ONE, replace(ONE, film="b"))
    said = placed(history, replace(ONE, opinion="agree", comment="clear"))
    assert [(one.film, one.opinion) for one in said] == [(ONE.film, "agree"), ("b", None)]
    assert placed(said, ONE) == history
    assert placed((), ONE) == (ONE,)
    assert find(said, ONE.film, "net").comment == "clear"
    assert find(said, ONE.film, "other") is None


def test_two_histories_become_one_without_doubles():
    later = "2026-01-03T00:00:00+00:00"
    said = replace(ONE, opinion="agree", comment="mine")
    assert merged(MANY, MANY) == MANY
    again = replace(ONE, when=later, verdict="Normal", threshold=0.9, truth="Normal")
    assert merged((again,), (said,)) == (replace(said, truth="Normal"),), "an opinion wins"
    assert merged((said,), (again,)) == (replace(said, truth="Normal"),)
    changed = replace(said, when=later, opinion="unsure", comment="")
    for one in (merged((said,), (changed,)), merged((changed,), (said,))):
        assert one == (replace(changed, comment="mine"),), "the later opinion wins"
    other = replace(ONE, run="other", when="2026-01-01T23:00:00-01:00")
    assert merged((ONE,), (other,)) == (other, ONE), "in the order of time"


def test_a_history_cannot_grow_too_long_unnoticed():
    full = tuple(read(number, "Normal") for number in range(MOST))
    with pytest.raises(DataError, match=f"{MOST + 1} readings, more than the {MOST}"):
        merged(full, (ONE,))


def test_no_more_than_so_many_are_kept():
    full = tuple(read(number, "Normal") for number in range(MOST))
    history = with_reading(full, ONE)
    assert len(history) == MOST
    assert (history[0].film, history[-1]) == ("1", ONE)


def test_agreement_is_counted_by_verdict():
    assert agreement(MANY) == {
        "Pneumonia": {"agree": 1, "disagree": 2, "unsure": 0},
        "Normal": {"agree": 2, "disagree": 1, "unsure": 1},
    }


def test_both_matrices_count_the_films_that_are_known_and_decided():
    assert matrix(MANY, reader=True) == Confusion(tp=1, fp=0, tn=2, fn=2)
    assert matrix(MANY, reader=False) == Confusion(tp=2, fp=1, tn=1, fn=1)


def test_a_history_comes_back_as_it_was():
    history = (replace(ONE, comment="<b>Läsion</b> “?”"), *MANY)
    assert from_json(to_json(history)) == history
    assert from_json(to_json(())) == ()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"\xff\xfe\x00", "This is no history"),
        ("[" * 100_000, "This is no history"),
        ("[1]", "no history of readings"),
        ('{"format": "other"}', "no history of readings"),
        ('{"format": "pneumolens-history-1", "readings": {}}', "a list of at most"),
    ],
)
def test_another_file_is_refused_in_words(text, sentence):
    with pytest.raises(DataError, match=sentence):
        from_json(text)


@pytest.mark.parametrize(
    "change",
    [
        {"verdict": "Maybe"},
        {"probability": 2.0},
        {"probability": 10**400},
        {"opinion": "yes"},
        {"path": "x"},
        {"film": 3},
        {"when": "yesterday"},
        {"when": "2026-01-02T03:04:05"},
        {"comment": "\ud800"},
        {"run": ["net"]},
    ],
)
def test_a_damaged_reading_is_named(change):
    content = json.loads(to_json(MANY))
    content["readings"][1] |= change
    with pytest.raises(DataError, match="is damaged: reading 2 is not as it was saved"):
        from_json(json.dumps(content))


def test_a_comment_is_cut_when_it_comes_back():
    (one,) = from_json(to_json([replace(ONE, comment="x" * 9999)]))
    assert len(one.comment) == COMMENT
