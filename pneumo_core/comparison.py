"""Does it hold, and which is better: one threshold on two data sets, two models on one."""

from dataclasses import dataclass
from typing import Any, Literal

from pneumo_core.confusion import figures_at
from pneumo_core.intervals import (
    AucComparison,
    McNemar,
    auc_delong,
    compare_auc,
    compare_auc_unpaired,
    mcnemar,
)
from pneumo_core.operating_point import split_words
from pneumo_core.proportions import UNDEFINED, Estimate, difference
from pneumo_core.scores import as_threshold, need_both, pair_probabilities

Verdict = Literal["falls", "rises", "no clear change", "unknown"]


@dataclass(frozen=True)
class Change:
    """One figure on two independent data sets, at one threshold.

    Attributes:
        name: of the figure.
        before, after: on the first and on the second set.
        change: after - before, with its 95 % interval.
        verdict: "falls" or "rises" when the interval excludes 0; "unknown" when undefined.
        sentence: the same in words.
    """

    name: str
    before: Estimate
    after: Estimate
    change: Estimate
    verdict: Verdict
    sentence: str


def compare_splits(
    first: tuple[Any, Any],
    second: tuple[Any, Any],
    threshold: float,
    names: tuple[str, str] = ("val", "test"),
    patients: tuple[Any, Any] = (None, None),
) -> tuple[Change, ...]:
    """Compare one threshold's figures on two independent sets of images.

    Differences of proportions have Newcombe's hybrid score interval (Stat Med 17 (1998) 873-890),
    from intervals by patient where patients are given; the area under the curve DeLong's.

    Args:
        first: labels (N,) and probabilities (N,) of the set the threshold was chosen on.
        second: labels (M,) and probabilities (M,) of the other; no image or patient in both.
        threshold: on the calibrated probability.
        names: of the two sets.
        patients: (N,) and (M,) names, or None.

    Returns:
        Changes of sensitivity, specificity, ppv, npv, accuracy, prevalence and auc, in this order.

    Raises:
        DataError: a bad value, different lengths, or a threshold outside [0, 1].
    """
    before = figures_at(*first, threshold, patients[0])
    after = figures_at(*second, threshold, patients[1])
    words = (split_words(names[0]), split_words(names[1]))
    keys = ("sensitivity", "specificity", "ppv", "npv", "accuracy", "prevalence")
    changes = [
        _change(key, before[key], after[key], difference(after[key], before[key]), words)
        for key in keys
    ]
    return (*changes, _auc_change(first, second, patients, words))


@dataclass(frozen=True)
class ModelComparison:
    """Two models on the same images, each at its own threshold.

    Attributes:
        auc: areas and DeLong's test of their difference (a - b).
        all_images, pneumonia, normal: McNemar's tests of accuracy, sensitivity and specificity.
        sentence: the two tests in words.
    """

    auc: AucComparison
    all_images: McNemar
    pneumonia: McNemar
    normal: McNemar
    sentence: str


def compare_models(
    labels: Any,
    a: Any,
    b: Any,
    threshold_a: float,
    threshold_b: float,
    names: tuple[str, str] = ("A", "B"),
    patients: Any = None,
) -> ModelComparison:
    """Compare two models on the same images, by DeLong's and McNemar's tests.

    Args:
        labels: (N,) 0 or 1.
        a: (N,) probabilities of one model.
        b: (N,) probabilities of the other, in the same order.
        threshold_a: of the one.
        threshold_b: of the other.
        names: of the models, for the words.
        patients: (N,) names, for DeLong's test; McNemar's takes images as independent.

    Raises:
        DataError: a bad value, different lengths, one class only, or a threshold outside [0, 1].
    """
    positive, a = pair_probabilities(labels, a)
    _, b = pair_probabilities(labels, b)
    need_both(positive, "Comparing two models")
    called_a, called_b = a >= as_threshold(threshold_a), b >= as_threshold(threshold_b)
    auc = compare_auc(positive, a, b, patients)
    tests = [
        mcnemar(positive[part], called_a[part], called_b[part])
        for part in (slice(None), positive, ~positive)
    ]
    return ModelComparison(auc, *tests, _models_sentence(auc, tests[0], names))


def _auc_change(
    first: tuple[Any, Any],
    second: tuple[Any, Any],
    patients: tuple[Any, Any],
    words: tuple[str, str],
) -> Change:
    before, after = (
        auc_delong(*scored, whose) for scored, whose in zip((first, second), patients, strict=True)
    )
    if before.value is None or after.value is None:
        return _change("auc", before, after, UNDEFINED, words)
    result = compare_auc_unpaired(*second, *first, *patients[::-1])
    return _change("auc", result.b, result.a, result.difference, words)


def _change(
    name: str, before: Estimate, after: Estimate, change: Estimate, words: tuple[str, str]
) -> Change:
    title = {"auc": "AUC", "ppv": "PPV", "npv": "NPV"}.get(name, name)
    first, second = words
    if change.value is None:
        where = [w for w, e in zip(words, (before, after), strict=True) if e.value is None]
        sentence = f"{title} cannot be compared: it is undefined on {' and on '.join(where)}"
        return Change(name, before, after, change, "unknown", sentence)
    verdict: Verdict = "no clear change"
    if change.low is not None and change.high is not None:
        verdict = "falls" if change.high < 0 else "rises" if change.low > 0 else verdict
    one, two = _two(before.value, after.value)
    if verdict == "no clear change":
        sentence = f"{title} shows no clear change: {one} on {first}, {two} on {second}"
    else:
        sentence = f"{title} {verdict} from {one} on {first} to {two} on {second}"
    return Change(name, before, after, change, verdict, sentence)


def _models_sentence(auc: AucComparison, calls: McNemar, names: tuple[str, str]) -> str:
    one, two = _two(auc.a.value, auc.b.value)
    areas = f"{names[0]} has an AUC of {one}, {names[1]} of {two} ({_p_words(auc.p_value)})"
    if not calls.only_a_right + calls.only_b_right:
        return f"{areas}; at their thresholds they are right on the same images."
    return (
        f"{areas}; at their thresholds only {names[0]} is right on {calls.only_a_right} images, "
        f"only {names[1]} on {calls.only_b_right} ({_p_words(calls.p_value)})."
    )


def _p_words(p_value: float | None) -> str:
    if p_value is None:
        return "no test possible"
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"


def _two(a: float, b: float) -> tuple[str, str]:
    """Write two figures with as many digits as it takes to tell them apart, two to four."""
    for digits in (2, 3):
        if f"{a:.{digits}f}" != f"{b:.{digits}f}" or a == b:
            return f"{a:.{digits}f}", f"{b:.{digits}f}"
    return f"{a:.4f}", f"{b:.4f}"
