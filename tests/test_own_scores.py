"""Scores that users bring along."""

import dataclasses
import math
import warnings

import numpy as np
import pytest

from pneumo_core.errors import DataError
from pneumo_core.groups import group_rows
from pneumo_core.intervals import wilson_clustered
from pneumo_core.metrics import figures_at
from pneumo_core.own_scores import MOST_GROUPS, Columns, columns, read_own_scores

FULL = b"""id,patient,site,label,probability
a,p1,north,0,0.1
b,p1,south,1,0.9
,,north,1,0.75
d,p2,,0,0.25
e,,south,0,1
"""


def test_a_full_file():
    own = read_own_scores(FULL)
    assert own.labels.tolist() == [0, 1, 1, 0, 0]
    assert own.probabilities.tolist() == [0.1, 0.9, 0.75, 0.25, 1.0]
    assert own.kind == "probability"
    assert own.rows == 5
    assert own.ids.tolist() == ["a", "b", "row 4", "d", "e"]
    assert own.patients.tolist()[:2] == [own.patients[0]] * 2
    assert len(set(own.patients.tolist())) == 4
    assert {k: v.tolist() for k, v in own.groups.items()} == {
        "site": ["north", "south", "north", None, "south"]
    }
    assert own.notes == ("Labels are read from the column “label”, scores from “probability”.",)
    with pytest.raises(TypeError):
        own.groups["site"] = own.ids
    with pytest.raises(dataclasses.FrozenInstanceError):
        own.rows = 6


def test_the_statistics_take_it_as_it_is():
    own = read_own_scores(FULL)
    figures = figures_at(own.labels, own.probabilities, 0.5, own.patients)
    expected = wilson_clustered([1, 1, 1, 1, 0], [1, 1, 2, 3, 4])
    assert figures["accuracy"] == expected
    rows = group_rows(own.labels, own.probabilities, own.groups["site"], 0.5)
    assert [(row.name, row.confusion.n) for row in rows] == [
        ("(none)", 1),
        ("north", 2),
        ("south", 2),
    ]


def test_without_ids_patients_and_groups():
    own = read_own_scores(b"y_true;p\n1;0,5\n\n0;0,125\n")
    assert own.probabilities.tolist() == [0.5, 0.125]
    assert own.ids.tolist() == ["row 2", "row 4"]
    assert own.patients is None
    assert dict(own.groups) == {}
    assert own.notes[1:] == ("1 empty row left out.",)


WORDS = ("0 1", "0.0 1.0", "False TRUE", "Normal PNEUMONIA", "negative Positive")


@pytest.mark.parametrize("words", WORDS)
def test_labels_in_words(words):
    text = "label,score\n" + "".join(f" {words.split()[i]} ,0.{i + 1}\n" for i in (0, 1, 1))
    assert read_own_scores(text.encode()).labels.tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Label,Score", ("Label", "Score", None, None)),
        (
            "Patient ID,Image-ID,Ground Truth,y_prob",
            ("Ground Truth", "y_prob", "Image-ID", "Patient ID"),
        ),
        ("prediction,probability,class,label", ("label", "probability", None, None)),
        ("logit,pred,y", ("y", "logit", None, None)),
        ("a,b", (None, None, None, None)),
    ],
)
def test_columns_are_recognised_by_usual_names(header, expected):
    names = tuple(header.split(","))
    found = columns(f"{header}\n{','.join('0' * len(names))}\n".encode())
    assert found == Columns(names, *expected)


def test_the_caller_may_name_the_columns():
    content = b"case,who,finding,model A,label\n7,x,pneumonia,0.5,1\n8,x,normal,0.25,1\n"
    own = read_own_scores(content, label="finding", score="model A", patient="who")
    assert own.labels.tolist() == [1, 0]
    assert own.probabilities.tolist() == [0.5, 0.25]
    assert own.ids.tolist() == ["7", "8"]
    assert own.patients.tolist() == [0, 0]
    assert list(own.groups) == ["label"]
    assert read_own_scores(content, label="finding", score="model A", id_column="who").ids[0] == "x"


def test_a_column_serves_once():
    own = read_own_scores(b"id,label\n0.5,1\n0.25,0\n", score="id")
    assert own.ids.tolist() == ["row 2", "row 3"]
    own = read_own_scores(b"label,score\n1,1\n0,0\n", label="score", score="label")
    assert own.labels.tolist() == [1, 0]


def test_logits_become_probabilities():
    own = read_own_scores(b"label,score\n0,0.5\n1,2\n0,-1.5\n")
    assert own.kind == "logit"
    assert own.probabilities == pytest.approx([1 / (1 + math.exp(-z)) for z in (0.5, 2, -1.5)])
    assert own.notes[1] == (
        "The scores are taken for logits (2 in row 3 (column “score”) is no probability) "
        "and turned into probabilities."
    )


def test_the_name_or_the_caller_says_what_the_scores_are():
    named = read_own_scores(b"label,logit\n0,0.5\n1,0.75\n")
    assert named.kind == "logit"
    assert named.probabilities[0] == pytest.approx(0.62245933)
    assert "as named" in named.notes[1]
    asked = read_own_scores(b"label,logit\n0,0.5\n1,0.75\n", kind="probability")
    assert asked.probabilities.tolist() == [0.5, 0.75]
    asked = read_own_scores(b"label,prob\n0,0.5\n1,7.5\n", kind="logit")
    assert asked.kind == "logit"
    percent = b"label,score\n0,0.5\n1,97\n1,98\n"
    assert read_own_scores(percent, kind="logit").notes[2] == (
        "The 2 logits above 36 all become the probability 1."
    )


def test_notes_on_what_limits_the_page():
    one_class = read_own_scores(b"label,score\n1,0.5\n1,0.25\n")
    assert one_class.notes[-1] == (
        "All 2 rows are pneumonia: what needs both classes cannot be computed."
    )
    decisions = read_own_scores(b"label,score\n1,1\n0,1\n")
    assert decisions.notes[1] == "The scores are nothing but 0 and 1: decisions, not scores."
    n = MOST_GROUPS + 1
    rows = "".join(f"{i % 2},0.5,{i},{i % (n - 1)},\n" for i in range(n))
    many = read_own_scores(f"label,score,age,ward,blank\n{rows}".encode())
    assert list(many.groups) == ["ward"]
    assert many.notes[-1] == "More than 50 different values, so no groups: “age”."


BAD_ROWS = (
    ("label,score", "1,0.5\n,0.5", "The label in row 3 (column “label”) is missing: labels are 0 "),
    ("label,score", "1,0.5\nNaN,0.5", "The label in row 3 (column “label”) is NaN: "),
    ("label,score", "1,0.5\n2,0.5", "The label in row 3 (column “label”) is 2: "),
    ("label,score", "1,0.5\nJane Doe,0.5", "The label in row 3 (column “label”) is text: "),
    ("label,score", "1,0.5\n\n0,", "The score in row 4 (column “score”) is missing: "),
    ("label,score", "1,0.5\n0,NaN", "The score in row 3 (column “score”) is NaN: scores are "),
    ("label,score", "1,0.5\n0,-inf", "The score in row 3 (column “score”) is -inf: "),
    ("label,score", "1,inf", "The score in row 2 (column “score”) is inf: "),
    ("label,score", "1,1e999", "The score in row 2 (column “score”) is "),
    ("label,score", "1,True\n0,False", "The score in row 2 (column “score”) is text: "),
    ("label,score", "1,0.5\n0,J. Doe\n1,x", "The score in row 3 (column “score”) is text: "),
    ("label;score", "1;0,5\n0;0.5", "The score in row 3 (column “score”) is 0.5: "),
    ("label;score", "1;1.000,5", "The score in row 2 (column “score”) is text: "),
    ("label,p", "1,0.5\n0,1.25", "The probability in row 3 (column “p”) is 1.25: "),
    ("label,score", "1,0.5\n0,97.5", "The scores, 97.5 in row 3 (column “score”), go from 0.5 to"),
    ("0,0.5", "1,0.25", "Row 1 holds numbers where the names of the columns belong: "),
    ("normal,0.5", "pneumonia,0.25", "Row 1 holds numbers where the names of the columns belong"),
    ("a,score", "1,0.5", "No column has a usual name for labels: say which; the columns are “a”, "),
    ("label,b", "1,0.5", "No column has a usual name for scores: say which; the columns are "),
    ("label,score", "1,0.5\n1", "Row 3 has 1 field, but row 1 names 2 columns: "),
)


@pytest.mark.parametrize(("header", "rows", "sentence"), BAD_ROWS)
def test_bad_files_get_one_sentence(header, rows, sentence):
    with pytest.raises(DataError) as error:
        read_own_scores(f"{header}\n{rows}\n".encode())
    assert str(error.value).startswith(sentence)
    assert str(error.value).endswith(".")
    assert "Doe" not in str(error.value)


def test_bad_choices_of_columns():
    content = b"label,score,<b>x</b>\n1,0.5,0\n"
    with pytest.raises(DataError, match="There is no column “script”: the columns are “label”, “"):
        read_own_scores(content, label="<script>")
    with pytest.raises(DataError, match="The column “label” cannot hold both labels and scores"):
        read_own_scores(content, score="label")
    with pytest.raises(DataError) as error:
        read_own_scores(b"label,<b>x</b>\n1,no\n", score="<b>x</b>")
    assert str(error.value).startswith("The score in row 2 (column “b x /b”) is text: ")


def test_numbers_or_a_sentence_whatever_comes():
    rng = np.random.default_rng(8)
    pieces = np.array(
        ["label", "score", "id", "site", "1", "0", "0.5", "-2", "0,7", "nan", '"', ""]
    )
    marks = np.array([",", ",", ",", ";", "\t", "\n", "\n", "\r\n"])
    read = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for i in range(1500):
            n = int(rng.integers(0, 9))
            text = "" if i % 3 else "label,score\n1,0.5\n"
            text += "".join(np.char.add(rng.choice(pieces, n), rng.choice(marks, n)))
            try:
                own = read_own_scores(text.encode())
            except DataError:
                continue
            read += 1
            assert np.isin(own.labels, (0, 1)).all()
            assert ((own.probabilities >= 0) & (own.probabilities <= 1)).all()
    assert read > 20
