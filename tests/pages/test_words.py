"""Every word on screen comes out of ui/words, and every term there out of the glossary."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pneumo_core.files import PROJECT_FOLDER
from ui.words.glossary import GLOSSARY, meaning

PAGES = [
    PROJECT_FOLDER / "app.py",
    *sorted((PROJECT_FOLDER / "pages").glob("*.py")),
    *sorted((PROJECT_FOLDER / "ui").glob("*.py")),
]
WORDS = sorted((PROJECT_FOLDER / "ui" / "words").glob("*.py"))

SAY = {
    *("title", "header", "subheader", "markdown", "caption", "text", "write", "badge", "progress"),
    *("info", "warning", "error", "success", "toast", "spinner", "expander", "popover", "tabs"),
    *("metric", "button", "download_button", "link_button", "file_uploader", "toggle", "checkbox"),
    *("selectbox", "multiselect", "segmented_control", "pills", "radio", "slider"),
    *("text_input", "text_area", "number_input", "dialog", "feedback"),
}
"""Calls of streamlit whose first argument is read by the visitor."""
SAID = {"label", "help", "body", "text", "placeholder", "alt", "caption", "delta"}
"""Arguments of any call that the visitor reads."""
UNSAID = {
    "python -m pneumo_core operating-point ": "a command to copy: the same in every language",
    "YYYY-MM-DD HH:mm": "a format of dates",
    "rule in": "the core's own name of a zone, looked up in words",
    "rule out": "the core's own name of a zone, looked up in words",
    "only a DICOM film has windows": "for whoever reads a failed assertion",
}
"""Literals that are no words on screen, each with what it is."""

FORMATS = {
    *("PNG", "JPEG", "TIFF", "SVG", "PDF", "HTML", "CSV", "JSON", "ZIP", "MB", "CPU", "GPU"),
    *("CC", "BY"),  # the licence of the data
    *("NORMAL", "PNEUMONIA"),  # folders of the data set
}
"""Abbreviations that everybody knows, or need not."""

TERMS = [
    *("calibrated probability", "logit", "operating point", "threshold", "sensitivity"),
    *("specificity", "PPV", "NPV", "prevalence", "ROC", "AUC", "confusion matrix"),
    *("confidence interval", "ECE", "Brier score", "reliability diagram", "temperature"),
    *("Grad-CAM", "Grad-CAM++", "HiResCAM", "LayerCAM", "Eigen-CAM", "Score-CAM", "occlusion"),
    *("integrated gradients", "deletion", "insertion", "gain", "novelty", "window", "level"),
    *("CLAHE", "three zones", "Youden", "cost ratio", "DICOM", "MONOCHROME1", "precision"),
    *("recall", "F1", "F-beta", "accuracy", "balanced accuracy", "LR+", "LR−", "AP"),
    *("DeLong", "McNemar", "Wilson", "Newcombe", "Bayes", "net benefit", "silhouette"),
    *("confident learning", "false positive rate", "heatmap", "evidence", "layer", "validation"),
    *("test set", "ensemble", "seed", "epoch", "augmentation", "cross-entropy", "focal"),
    *("weight decay", "learning rate", "false alarm", "contours", "log-odds", "rank correlation"),
    *("calibration in the large", "margin", "odds", "bootstrap", "likelihood ratio"),
]
"""What the pages must be able to explain."""


def literals(file: Path) -> Iterator[ast.Constant]:
    """Every string of a module but its docstrings, assertions' messages included."""
    tree = ast.parse(file.read_text("utf-8"))
    documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if text and id(node) not in documents:
            yield node


def prose(text: str) -> bool:
    """Whether a text has two words side by side: no key, path, markup or style has."""
    bare = re.sub(r"<[^>]*(>|$)|^[^<]*>|[\w-]+: [^;]*;", " ", text)
    return re.search(r"[A-Za-z]{2,},? [A-Za-z]{2,}", bare) is not None


def said(call: ast.Call) -> Iterator[str]:
    """The literals that a call puts on screen as they are."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    shown = [word.value for word in call.keywords if word.arg in SAID]
    shown += call.args[:1] if name in SAY else []
    while shown:
        node = shown.pop()
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif not isinstance(node, ast.Call | ast.Subscript | ast.Attribute | ast.Compare):
            shown += [
                child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.Compare)
            ]


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.stem)
def test_no_sentence_stands_outside_the_words(file: Path) -> None:
    assert [
        (node.lineno, node.value)
        for node in literals(file)
        if prose(node.value) and node.value not in UNSAID
    ] == []


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.stem)
def test_no_word_is_put_on_screen_as_a_literal(file: Path) -> None:
    calls = [
        node for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.Call)
    ]
    bare = re.compile(r":[a-z]+/\w+:|:[a-z]+-badge\[|&\w+;")  # icons, colours, blanks
    assert [
        (call.lineno, text)
        for call in calls
        for text in said(call)
        if re.search("[A-Za-z]", bare.sub("", text))
    ] == []


def test_the_search_for_literals_finds_some() -> None:
    calls = "st.title('Threshold'); box.metric(label=f'a {x}'); st.button('Go' if x == 'y' else z)"
    found = [list(said(node)) for node in ast.walk(ast.parse(calls)) if isinstance(node, ast.Call)]
    assert sorted(map(tuple, found)) == [("Go",), ("Threshold",), ("a ",)]
    assert [prose(text) for text in ("A film of your own", "<b>not so</b>")] == [True, True]
    assert [prose(text) for text in ('<i class="a big one">', "pages/help.py")] == [False, False]


def test_each_of_the_terms_is_explained() -> None:
    names = {name.casefold() for term in GLOSSARY for name in (term.name, *term.also)}
    assert [term for term in TERMS if term.casefold() not in names] == []


def test_every_abbreviation_on_screen_is_explained() -> None:
    names = {name for term in GLOSSARY for name in (term.name, *term.also)} | FORMATS
    pattern = r"(?:[A-Za-z]+-)?[A-Za-z]*[A-Z]{2,}[A-Za-z0-9]*(?:[+−]+)?|\b[A-Z][0-9]\b"
    assert {
        (file.name, found.removesuffix("s"))
        for file in WORDS
        for node in literals(file)
        for found in re.findall(pattern, node.value)
        if found.removesuffix("s") not in names
    } == set()


def test_a_term_stands_once_and_in_its_place() -> None:
    names = [term.name for term in GLOSSARY]
    assert names == sorted(set(names), key=str.casefold)
    every = [name.casefold() for term in GLOSSARY for name in (term.name, *term.also)]
    assert [name for name in set(every) if every.count(name) > 1] == []
    meanings = [term.meaning for term in GLOSSARY]
    assert len(set(meanings)) == len(meanings)


def test_a_meaning_is_one_to_three_plain_sentences() -> None:
    for term in GLOSSARY:
        ends = re.findall(r"[.)](?= [A-Z0-9]|$)", term.meaning)
        assert term.meaning.endswith((".", ".)")), term.name
        assert 1 <= len(ends) <= 3, term.name
        assert len(term.meaning) <= 240, term.name


def test_no_definition_is_written_twice() -> None:
    sentences = {
        sentence: term.name
        for term in GLOSSARY
        for sentence in re.split(r"(?<=\.) (?=[A-Z])", term.meaning)
        if len(sentence) > 20
    }
    assert [
        (file.name, sentences[sentence])
        for file in WORDS
        if file.stem != "glossary"
        for node in literals(file)
        for sentence in sentences
        if sentence in node.value
    ] == []


def test_a_meaning_is_found_by_its_name() -> None:
    assert meaning("Sensitivity").startswith("Of the films with pneumonia")
    with pytest.raises(KeyError):
        meaning("sense")
