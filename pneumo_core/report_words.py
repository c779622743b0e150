"""What a report says of a film, in words: one text for the page and the PDF alike."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pneumo_core import CLASS_NAMES, NOTICE, __version__
from pneumo_core.model_card_words import FILMS
from pneumo_core.operating_point import split_words, threshold_words
from pneumo_core.similar import NEAREST, pneumonia_share
from pneumo_core.threshold_report import FIGURES, figure_words

if TYPE_CHECKING:
    from pneumo_core.report import CaseReport, Cover, ModelFacts
    from pneumo_core.trust import Trust

HEADING = "PneumoLens report"
FOOTER = f"{NOTICE} PneumoLens {__version__}."
CALLED = {"Pneumonia": "Called pneumonia", "Normal": "Called normal"}
WITHHELD = "No verdict"
WITHHELD_NOTE = "The film does not look like a front view of a chest, so there is no verdict on it."
NOTES = "Notes"
UNREAD = "Files that could not be read"
FILE = "File {number}"
CONTENTS = "Films, the most likely pneumonia first"
FILM, FILM_SEEN = "The film", "The film; the network sees the dashed square"
WEAKEST, STRONGEST = "no evidence", "most"
UNPRINTABLE = (
    "Some typed letters cannot be shown in a PDF by this program. The HTML report shows them."
)
PERCENT = "{:.0f} %"
SHOWN = ("auc", "sensitivity", "specificity", "accuracy")
"""Figures of `threshold_report.FIGURES` that a report shows."""


@dataclass(frozen=True)
class Section:
    """A part of a report: heading, sentences, a table of two columns, a remark in small."""

    title: str
    sentences: tuple[str, ...] = ()
    rows: tuple[tuple[str, str], ...] = ()
    remark: str = ""


def percent(share: float) -> str:
    """A probability in whole percent, the ends never rounded up to certainty."""
    if share > 0.99:
        return "over 99 %"
    return "under 1 %" if share < 0.01 else PERCENT.format(100 * share)


def is_hash(text: str) -> bool:
    """Whether a cell is a SHA-256, which is set in another type."""
    return len(text) == 64 and set(text) <= set("0123456789abcdef")


def verdict(case: "CaseReport") -> str:
    """The verdict in two words."""
    return WITHHELD if case.prediction is None else CALLED[case.prediction.prediction]


def note(case: "CaseReport") -> str:
    """What the verdict means, with the operating point and who the model was trained on."""
    return WITHHELD_NOTE if case.prediction is None else case.prediction.clinical_note


def objections(case: "CaseReport") -> tuple[str, ...]:
    """What is to be read before the verdict: nothing, or a sentence and its reasons."""
    found = case.novelty
    if found is None or found.answer == "familiar":
        return case.warnings
    return (found.sentence, *(each.sentence for each in found.objections), *case.warnings)


def map_caption(case: "CaseReport") -> str:
    """What the heatmap is and what it is worth; "" where there is none."""
    facts = case.map
    if facts is None:
        return ""
    from pneumo_core.explain import INPUT, METHODS

    method = METHODS[facts.method]
    where = "on the film itself" if facts.layer == INPUT else f"at {facts.layer}"
    rows, columns = facts.cells
    start = (
        f"Evidence for “{facts.target.lower()}”, {method.title} {where}, {rows} × {columns} cells."
    )
    if not facts.worth:
        worth = f"Nothing on the film speaks for “{facts.target.lower()}”: the map is blank."
    elif method.in_logits:
        worth = (
            f"As a whole it is worth {facts.worth:.1f} logit units; {facts.against:.1f} speak "
            "against it."
        )
    else:
        worth = "It has no units: colours say where, not how much."
    return f"{start} {worth} It shows where the network's evidence lies, not where a disease is."


def sections(
    case: "CaseReport", shared: bool = False
) -> tuple[tuple[Section, ...], tuple[Section, ...]]:
    """All that stands below the pictures, in two columns.

    Args:
        case: The film.
        shared: Whether `shared_sections` stand elsewhere.
    """
    known = [*_familiar(case), *_trust(case.trust), *_similar(case)]
    if shared:
        there = () if case.prediction is None else _meaning(case).sentences
        if there:
            known = [Section(_where(case), there), *known]
        return tuple(known), (Section("What this is of", rows=tuple(_film_rows(case))),)
    meaning = [] if case.prediction is None else [_meaning(case)]
    identity = Section("What this is of", rows=(*_model_rows(case), *_film_rows(case)))
    return (*meaning, *known), (_model(case.model), identity)


def shared_sections(
    cases: Sequence["CaseReport"],
) -> tuple[tuple[Section, ...], tuple[Section, ...]]:
    """What is true of all films of a batch, in two columns; nothing if it differs among them."""
    first = cases[0]
    if any((one.model, one.prevalence) != (first.model, first.prevalence) for one in cases):
        return (), ()
    judged = next((one for one in cases if one.prediction is not None), None)
    meaning = () if judged is None else (replace(_meaning(judged), sentences=()),)
    identity = Section("What this is of", rows=tuple(_model_rows(first)))
    return (*meaning, identity), (_model(first.model),)


def unread(cover: "Cover") -> Section | None:
    """The files that could not be read, with the reasons; None where there are none."""
    rows = tuple((FILE.format(number=number), reason) for number, reason in cover.unread)
    return Section(UNREAD, rows=rows) if rows else None


def contents(cases: Sequence["CaseReport"]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Header and rows of the table of contents; names only where one was typed."""
    named = any(case.name for case in cases)
    header = ("Film", *(("Name",) if named else ()), "Probability", "Verdict", "Zone", "Looks")
    rows = []
    for case in cases:
        said = case.prediction
        rows.append(
            (
                f"Film {case.number}",
                *((case.name,) if named else ()),
                percent(said.probability) if said else "–",
                verdict(case),
                said.zone if said else "–",
                case.novelty.answer if case.novelty else "not known",
            )
        )
    return header, rows


def summary(cases: Sequence["CaseReport"], cover: "Cover") -> str:
    """How many films, and how they were called, by which model at which threshold."""
    called = [case.prediction.prediction for case in cases if case.prediction is not None]
    ill, well = (called.count(name) for name in CLASS_NAMES[::-1])
    rest = len(cases) - len(called)
    withheld = f", {rest} without a verdict" if rest else ""
    models = {
        (one.title, one.point.name, threshold_words(one.point.threshold))
        for one in (case.model for case in cases)
    }
    by = "; ".join(
        f"{title}, operating point “{name}”, threshold {threshold}"
        for title, name, threshold in sorted(models)
    )
    films = "1 film" if len(cases) == 1 else f"{len(cases)} films"
    count = len(cover.unread)
    unread = f" {count} {'file' if count == 1 else 'files'} could not be read." if count else ""
    return f"{films}: {ill} called pneumonia, {well} called normal{withheld}. By {by}.{unread}"


def _meaning(case: "CaseReport") -> Section:
    model, clinic = case.model, case.clinic
    if clinic is None:
        ppv, npv = model.figures["ppv"], model.figures["npv"]
        sentences: tuple[str, ...] = ()
        remark = (
            "As among the test films. Where pneumonia is rarer, a call of pneumonia means less "
            "and a call of normal means more."
        )
    else:
        ppv, npv = clinic.ppv, clinic.npv
        there = case.probability_there
        sentences = (
            ()
            if there is None or case.prediction is None
            else (
                f"There, the probability {percent(case.prediction.probability)} stands for "
                f"{percent(there)}.",
            )
        )
        remark = (
            "Sensitivity and specificity are taken over from the test films; in sicker or "
            "healthier patients they may be others. The probability is moved by Bayes."
        )
    rows = (
        ("Pneumonia if called so (PPV)", figure_words("ppv", ppv)),
        ("None if called normal (NPV)", figure_words("npv", npv)),
    )
    return Section(_where(case), sentences, rows=rows, remark=remark)


def _where(case: "CaseReport") -> str:
    counts = case.model.counts
    share = f"{100 * counts.positives / counts.n:.3g}"
    if case.prevalence is not None:
        share = f"{100 * case.prevalence:g}"
    return f"What a call means where {share} % have pneumonia"


def _familiar(case: "CaseReport") -> list[Section]:
    found = case.novelty
    if found is None:
        return []
    title = "Does the model know such films?"
    place = (
        "It lies farther from the training films than "
        f"{percent(found.percentile / 100)} of validation films do."
    )
    return [Section(title, (found.sentence, place))]


def _trust(trust: "Trust | None") -> list[Section]:
    if trust is None:
        return []
    from pneumo_core.trust import CHECKS
    from pneumo_core.trust_words import QUESTIONS, overall

    answers = {True: "Yes", False: "No", None: "Unknown"}
    rows = tuple((QUESTIONS[check], answers[trust.passed(check)]) for check in CHECKS)
    blank = trust.standing == "blank"
    return [Section("Can the map be trusted?", (overall(trust),), rows=() if blank else rows)]


def _similar(case: "CaseReport") -> list[Section]:
    if not case.similar:
        return []
    count = len(case.similar)
    ill = round(pneumonia_share(case.similar) * count)
    films = "; ".join(
        f"{each.id} ({CLASS_NAMES[each.label].lower()}, {each.distance:.2f} away)"
        for each in case.similar[:NEAREST]
    )
    sentence = f"Of the {count} nearest training films, {ill} show pneumonia. Nearest: {films}."
    remark = "Training films picked blindly are about 1.4 apart. This is no independent opinion."
    return [Section("Similar training films", (sentence,), remark=remark)]


def _model(model: "ModelFacts") -> Section:
    point = model.point
    chosen = f"{point.rule}, on {split_words(point.split)}" if point.split else point.rule
    rows = [
        ("Model", model.title),
        ("Data", f"{model.data}, {model.trained} training films"),
        ("Operating point", f"“{point.name}”, threshold {threshold_words(point.threshold)}"),
        ("Chosen by", chosen),
        *((FIGURES[name], figure_words(name, model.figures[name])) for name in SHOWN),
    ]
    remark = (
        f"Figures of {model.counts.n} test films at this operating point, with 95 % intervals. "
        f"{' '.join(FILMS.split())}"
    )
    return Section("The model", rows=tuple(rows), remark=remark)


def _model_rows(case: "CaseReport") -> list[tuple[str, str]]:
    return [
        ("Date", case.date),
        ("Software", f"PneumoLens {__version__}"),
        ("Run", case.model.run),
        ("SHA-256 of its weights", case.model.weights_sha256),
    ]


def _film_rows(case: "CaseReport") -> list[tuple[str, str]]:
    return [
        *((("Known answer", case.truth),) if case.truth else ()),
        ("SHA-256 of the film's pixels", case.image_sha256),
    ]
