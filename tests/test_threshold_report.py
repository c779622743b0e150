"""What is taken away of an operating point: the page, JSON and the table."""

import csv
import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from pneumo_core import NOTICE
from pneumo_core.confusion import confusion_at, figures_at, threshold_table
from pneumo_core.decision import at_prevalence
from pneumo_core.errors import DataError
from pneumo_core.intervals import auc_delong, difference
from pneumo_core.operating_point import OperatingPoint, Zones, zone_rows
from pneumo_core.proportions import Estimate
from pneumo_core.resampling import resample
from pneumo_core.scores import ABOVE_ONE
from pneumo_core.threshold_report import (
    Sample,
    figure_words,
    operating_point_json,
    report_html,
    table_csv,
)
from pneumo_core.threshold_svg import BINS, Curve, roc_svg, scores_svg

POINT = OperatingPoint("screening", 0.3, "sensitivity of at least 97 %", "val", "2026-11-02")
ZONES = Zones(0.2, 0.8, "rule out by A, rule in by B", "val")
WITHOUT_END = {"meta", "br"}


def made(name: str, n: int, shift: float, patients: bool = True) -> Sample:
    rng = np.random.default_rng(n)
    labels = rng.random(n) < 0.6
    p = 1 / (1 + np.exp(-(2 * rng.normal(size=n) + 4 * labels - shift)))
    return Sample(name, labels, p, rng.integers(0, n // 2, n) if patients else None)


class Page(HTMLParser):
    """Tags, texts and attributes of a page; fails where tags do not nest."""

    def __init__(self, text: str):
        super().__init__()
        self.open, self.tags, self.attributes, self.texts = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in WITHOUT_END:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.texts.append(data.strip())

    def row(self, name: str, cells: int) -> list[str]:
        """The texts that follow the last `name`: tables come after pictures."""
        i = len(self.texts) - 1 - self.texts[::-1].index(name)
        return self.texts[i + 1 : i + 1 + cells]


def percent(estimate) -> str:
    value, low, high = (100 * part for part in estimate.to_json())
    return f"{value:.1f} % ({low:.1f} to {high:.1f})"


@pytest.fixture(scope="module")
def samples() -> tuple[Sample, Sample]:
    return made("val", 300, 2.2), made("test", 400, 1.2)


@pytest.fixture(scope="module")
def page(samples) -> Page:
    return Page(
        report_html(
            POINT,
            samples,
            "ResNet-18 on Chest X-Ray Images",
            weights_sha256="ab12" * 16,
            zones=ZONES,
            prevalence=0.08,
        )
    )


def test_it_says_what_and_where_from(page):
    assert "Operating point “screening”" in page.texts
    assert page.row("Scores of:", 1) == ["ResNet-18 on Chest X-Ray Images"]
    assert page.row("Threshold:", 1) == ["0.300 (0.3)"]
    assert page.row("Chosen by:", 1) == ["sensitivity of at least 97 %, on validation"]
    assert page.row("Date:", 1) == ["2026-11-02"]
    assert page.row("SHA-256 of the weights:", 1) == ["ab12" * 16]
    assert NOTICE in page.texts


def test_counts_and_figures_with_intervals(page, samples):
    found = [figures_at(s.labels, s.probabilities, 0.3, s.patients) for s in samples]
    for key, title in (("sensitivity", "Sensitivity"), ("npv", "NPV"), ("accuracy", "Accuracy")):
        assert page.row(title, 2) == [percent(figures[key]) for figures in found]
    auc = [auc_delong(s.labels, s.probabilities, s.patients) for s in samples]
    assert page.row("AUC", 2) == [f"{a.value:.3f} ({a.low:.3f} to {a.high:.3f})" for a in auc]
    ratio = [figures["lr_positive"] for figures in found]
    assert page.row("LR+", 2) == [f"{r.value:#.2g} ({r.low:#.2g} to {r.high:#.2g})" for r in ratio]
    c = confusion_at(samples[0].labels, samples[0].probabilities, 0.3)
    i = page.texts.index("Validation, 300 images")
    assert page.texts[i + 4 : i + 11] == [
        *("pneumonia", f"{c.tp} found", f"{c.fn} missed", f"{c.positives}"),
        *("normal", f"{c.fp} false alarms", f"{c.tn} cleared"),
    ]


def test_whether_it_holds_in_words_with_the_change(page, samples):
    before, after = (figures_at(s.labels, s.probabilities, 0.3, s.patients) for s in samples)
    change = difference(after["specificity"], before["specificity"])
    assert change.high < 0
    parts = [f"{100 * part:+.1f}".replace("-", "−") for part in change.to_json()]
    sentence = next(text for text in page.texts if text.startswith("Specificity falls from"))
    one, two = before["specificity"].value, after["specificity"].value
    assert sentence == (
        f"Specificity falls from {one:.2f} on validation to {two:.2f} on test "
        f"(change {parts[0]} points, {parts[1]} to {parts[2]})."
    )


def test_the_clinic_and_the_zones_are_those_of_the_last_sample(page, samples):
    test = samples[1]
    figures = figures_at(test.labels, test.probabilities, 0.3, test.patients)
    clinic = at_prevalence(confusion_at(test.labels, test.probabilities, 0.3), 0.08, figures)
    assert any(text.startswith("Where 8 % of the patients have pneumonia") for text in page.texts)
    assert page.row("Pneumonia after an alert (PPV)", 1) == [percent(clinic.ppv)]
    assert page.row("None after an all-clear (NPV)", 1) == [percent(clinic.npv)]
    assert page.row("False alarms, of 1000 patients", 1) == [
        f"{clinic.fp.value:.0f} ({clinic.fp.low:.0f} to {clinic.fp.high:.0f})"
    ]
    out, _, rule_in = zone_rows(test.labels, test.probabilities, ZONES)
    assert page.row("Rule out, below 0.200", 4) == [
        *(percent(out.share), str(out.positives), str(out.negatives)),
        f"{out.errors}: {percent(out.error_rate)}",
    ]
    assert page.row("Rule in, from 0.800", 2) == [percent(rule_in.share), str(rule_in.positives)]
    assert "Rule out by A, rule in by B, on validation." in page.texts


def test_nothing_is_fetched_and_nothing_runs(page):
    names = {name for name, _ in page.attributes}
    assert not names & {"src", "href", "onclick", "onload", "xlink:href", "srcset", "action"}
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(page.tags)
    assert "default-src 'none'; style-src 'unsafe-inline'" in {v for _, v in page.attributes}


def test_names_never_become_markup():
    evil = '"><script>alert(1)</script><img src=x onerror=alert(2)>&amp;'
    sample = made(evil, 60, 2.0)
    point = OperatingPoint(evil, 0.3, evil, evil, evil)
    zones = Zones(0.2, 0.8, evil, evil)
    text = report_html(point, [sample, made(evil, 80, 2.0)], evil, weights_sha256=evil, zones=zones)
    hostile = Page(text)
    assert "script" not in hostile.tags
    assert "img" not in hostile.tags
    assert "onerror" not in {name for name, _ in hostile.attributes}
    assert hostile.row("Scores of:", 1) == [evil]
    assert f"Operating point “{evil}”" in hostile.texts
    assert f"{evil}, 60 images" in hostile.texts
    assert "<script" not in text


def test_one_sample_has_no_comparison(samples):
    page = Page(report_html(POINT, samples[:1], "x"))
    assert "Does it hold?" not in page.texts
    assert not any("1000 patients" in text or "Zones" in text for text in page.texts)


@pytest.mark.parametrize(
    ("labels", "p"),
    [
        ([1, 1], [0.2, 0.9]),
        ([0, 0, 0], [0.2, 0.9, 1.0]),
        ([0, 1], [0.5, 0.5]),
        ([0, 1], [0.0, 0.0]),
        ([0, 1], [0.0, 1.0]),
        ([1], [0.0]),
    ],
)
@pytest.mark.parametrize("threshold", [0.0, 0.3, ABOVE_ONE])
def test_degenerate_samples_leave_no_nonsense(labels, p, threshold):
    sample = Sample("val", labels, p)
    point = OperatingPoint("by hand", threshold, "set by hand", "")
    zones = Zones(0, ABOVE_ONE, "r", "")
    page = Page(report_html(point, [sample, sample], "x", zones=zones, prevalence=0.1))
    written = [*page.texts, *(value for _, value in page.attributes)]
    assert not [text for text in written if re.search(r"\bnan\b|\binf\b|\bNone\b(?! after)", text)]


def test_bad_values_are_refused(samples):
    with pytest.raises(DataError, match="prevalence lies between 0 and 1"):
        report_html(POINT, samples, "x", prevalence=1.5)
    with pytest.raises(DataError, match="label in row 2"):
        report_html(POINT, [Sample("val", [0, 2], [0.1, 0.2])], "x")


def test_the_roc_curve_is_drawn_to_scale():
    table = threshold_table([0, 0, 1, 0, 1, 1], [0.1, 0.2, 0.3, 0.4, 0.6, 0.7])
    text = roc_svg([Curve("one", table, 0.35)])
    (points,) = re.findall(r'polyline points="([^"]*)"', text)
    drawn = [tuple(map(float, point.split(","))) for point in points.split()]
    expected = [
        (38 + 250 * fp / 3, 8 + 250 * (1 - tp / 3))
        for tp, fp in ((3, 3), (3, 3), (3, 2), (3, 1), (2, 1), (2, 0), (1, 0), (0, 0))
    ]
    assert np.allclose(drawn, expected, atol=0.06)
    assert 'cx="121.3" cy="91.3"' in text
    assert "one: sensitivity 0.667 and specificity 0.667 at the threshold" in text


def test_the_band_is_drawn_around_the_curve(samples):
    one = samples[0]
    band = resample(one.labels, one.probabilities, repeats=50).roc_band(5)
    table = threshold_table(one.labels, one.probabilities)
    (points,) = re.findall(r'polygon points="([^"]*)"', roc_svg([Curve("a", table, 0.5, band)]))
    ys = [float(point.split(",")[1]) for point in points.split()]
    assert np.allclose(ys[:5], 8 + 250 * (1 - band.high), atol=0.06)
    assert np.allclose(ys[5:], 8 + 250 * (1 - band.low[::-1]), atol=0.06)


def test_a_long_table_is_thinned_for_the_curve_only():
    sample = made("val", 20_000, 2.0)
    table = threshold_table(sample.labels, sample.probabilities)
    text = roc_svg([Curve("x" * 60, table, 0.31)])
    (points,) = re.findall(r'polyline points="([^"]*)"', text)
    assert 100 < len(points.split()) <= 400
    at = table.at(0.31)
    assert f'cx="{38 + 250 * (1 - at.specificity):.1f}"' in text
    assert f">{'x' * 23}…<" in text


def test_the_histogram_counts_every_score():
    sample = made("val", 500, 2.0)
    table = threshold_table(sample.labels, sample.probabilities)
    text = scores_svg(table, 0.5, (0.2, 0.9))
    odds = np.log(sample.probabilities / (1 - sample.probabilities))
    edges = np.linspace(odds.min() - 0.5, odds.max() + 0.5, BINS + 1)
    shares = [
        np.histogram(odds[sample.labels == label], edges)[0] / (sample.labels == label).sum()
        for label in (1, 0)
    ]
    drawn = [float(h) for h in re.findall(r'<rect [^>]*height="([\d.]*)"', text)]
    expected = np.concatenate([share[share > 0] for share in shares])
    assert np.allclose(drawn, 0.97 * 48 * expected / expected.max(), atol=0.06)
    x = 8 + 324 * (0 - edges[0]) / (edges[-1] - edges[0])
    assert f'<line x1="{x:.1f}"' in text
    counts = confusion_at(sample.labels, sample.probabilities, 0.5)
    assert f"{counts.tp} of {counts.positives} with pneumonia are found" in text


def test_the_operating_point_as_json():
    content = json.loads(operating_point_json(POINT, "resnet18", "ab" * 32))
    assert content == {
        "run": "resnet18",
        "weights_sha256": "ab" * 32,
        "positive_if": "probability >= threshold",
        "name": "screening",
        "threshold": 0.3,
        "rule": "sensitivity of at least 97 %",
        "split": "val",
        "date": "2026-11-02",
    }
    assert OperatingPoint.from_json(content) == POINT
    assert "weights_sha256" not in json.loads(operating_point_json(POINT, "your own scores"))


def test_the_table_as_csv():
    sample = made("val", 50, 2.0)
    table = threshold_table(sample.labels, sample.probabilities)
    rows = list(csv.DictReader(io.StringIO(table_csv(table))))
    assert len(rows) == len(table)
    for row in rows:
        counts = confusion_at(sample.labels, sample.probabilities, float(row["threshold"]))
        assert [int(row[k]) for k in ("tp", "fp", "tn", "fn")] == [
            *(counts.tp, counts.fp, counts.tn, counts.fn)
        ]
        for name in ("sensitivity", "specificity", "ppv", "npv", "f1", "accuracy"):
            value = getattr(counts, name)
            assert row[name] == "" if value is None else float(row[name]) == round(value, 6)
    assert rows[-1]["ppv"] == ""
    assert rows[0]["npv"] == ""


def test_large_ratios_are_written_out():
    assert figure_words("lr_positive", Estimate(130.8, 23.7, 741.2)) == ("131 (24 to 741)")
    assert figure_words("lr_positive", Estimate(5.0, 0.5, 10.04)) == "5.0 (0.50 to 10)"
    assert figure_words("ppv", Estimate(0.5, None, None)) == "50.0 %"
    assert figure_words("lr_positive", Estimate(99.6, 9.2, None)) == ("100 (9.2 to ∞)")
