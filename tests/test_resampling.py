"""The bootstrap: against exact variances, its own slow form, and hand cases."""

import math

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from pneumo_core.confusion import threshold_table
from pneumo_core.errors import DataError
from pneumo_core.intervals import auc_variance, wilson
from pneumo_core.resampling import bootstrap, percentile_interval, resample


@pytest.fixture(scope="module")
def sample():
    rng = np.random.default_rng(1)
    labels = rng.random(500) < 0.6
    return labels, 1 / (1 + np.exp(-(rng.normal(size=500) + 2 * labels - 1)))


def test_replicates_are_bootstrap_counts(sample):
    labels, p = sample
    replicates = resample(labels, p, repeats=2000)
    assert (replicates.tp[:, 0] == labels.sum()).all()
    assert (replicates.fp[:, 0] == (~labels).sum()).all()
    assert (np.diff(replicates.tp, axis=1) <= 0).all()
    assert (replicates.tp[:, -1] == 0).all()
    row = replicates.table.row(0.5)
    share = replicates.table.tp[row] / labels.sum()
    spread = math.sqrt(share * (1 - share) / labels.sum())
    found = replicates.tp[:, row] / labels.sum()
    assert found.mean() == pytest.approx(share, abs=4 * spread / math.sqrt(2000))
    assert found.std() == pytest.approx(spread, rel=0.06)


def test_one_seed_gives_one_answer(sample):
    first, again, other = (resample(*sample, repeats=20, seed=s).tp for s in (5, 5, 6))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_thin_tables_give_the_same_spread_at_their_rows():
    rng = np.random.default_rng(9)
    labels = rng.random(20_000) < 0.5
    p = 1 / (1 + np.exp(-(rng.normal(size=labels.size) + labels)))
    replicates = resample(labels, p, repeats=1500, max_rows=64)
    assert replicates.tp.shape[1] <= 64
    row = len(replicates.table) // 2
    share = replicates.table.fp[row] / (~labels).sum()
    spread = math.sqrt(share * (1 - share) / (~labels).sum())
    assert (replicates.fp[:, row] / (~labels).sum()).std() == pytest.approx(spread, rel=0.07)


def test_whole_patients_are_drawn(sample):
    labels, p = sample
    copies = (np.repeat(labels, 3), np.repeat(p, 3))
    patients = np.repeat(np.arange(labels.size), 3)
    replicates = resample(*copies, patients, repeats=1500)
    assert (replicates.tp % 3 == 0).all()
    assert (replicates.fp % 3 == 0).all()
    alone = resample(labels, p, repeats=1500)
    row = alone.table.row(0.5)
    assert (replicates.tp[:, row] / 3).std() == pytest.approx(alone.tp[:, row].std(), rel=0.08)


def test_thousands_of_patients_keep_the_variance():
    rng = np.random.default_rng(12)
    patients = np.repeat(np.arange(6000), 2)
    labels = np.repeat(rng.random(6000) < 0.5, 2)
    logits = np.repeat(rng.normal(size=6000), 2) + rng.normal(size=12_000) + labels
    p = 1 / (1 + np.exp(-logits))
    replicates = resample(labels, p, patients, repeats=1500, max_rows=64)
    row = len(replicates.table) // 2
    called = p >= replicates.table.thresholds[row]
    sums = np.bincount(patients, called & labels)[labels[::2]]
    share = sums.mean() / 2
    spread = np.std(sums, ddof=1) / 2 / math.sqrt(sums.size)
    found = replicates.tp[:, row] / replicates.tp[:, 0]
    assert found.mean() == pytest.approx(share, abs=0.002)
    assert found.std() == pytest.approx(spread, rel=0.1)
    naive = math.sqrt(share * (1 - share) / labels.sum())
    assert spread > 1.1 * naive


def test_the_spread_of_the_area_is_delongs(sample):
    labels, p = sample
    replicates = resample(labels, p, repeats=1000)
    areas = [
        np.trapezoid(tp[::-1] / tp[0], fp[::-1] / fp[0])
        for tp, fp in zip(replicates.tp, replicates.fp, strict=True)
    ]
    assert np.mean(areas) == pytest.approx(roc_auc_score(labels, p), abs=0.002)
    assert np.std(areas) == pytest.approx(math.sqrt(auc_variance(labels, p)), rel=0.1)


def test_average_precision_agrees_with_the_slow_bootstrap(sample):
    labels, p = sample
    value = threshold_table(labels, p).average_precision()
    fast = resample(labels, p).average_precision(value)
    slow = bootstrap(average_precision_score, labels, p, repeats=600)
    assert fast.value == pytest.approx(slow.value)
    assert (fast.low, fast.high) == pytest.approx((slow.low, slow.high), abs=0.004)


@pytest.mark.parametrize("count", [5, 1000])
def test_a_perfect_average_precision_on_few_images_is_no_proof(count):
    labels = np.repeat([0, 1], count)
    found = resample(labels, np.linspace(0.1, 0.9, 2 * count), repeats=50).average_precision(1.0)
    assert found == wilson(count, count)
    assert found.low == pytest.approx(count / (count + 1.96**2), abs=1e-4)


def test_equal_scores_say_little_of_the_average_precision():
    found = resample([0, 0, 0, 1], [0.5] * 4, repeats=50).average_precision(0.25)
    assert (found.value, found.low, found.high) == pytest.approx((0.25, 0.0146, 0.8821), abs=1e-4)


def test_replicate_tables_are_tables_of_the_drawn_scores():
    replicates = resample([0, 1, 0, 1], [0.1, 0.4, 0.6, 0.9], repeats=30)
    for table, tp, fp in zip(replicates.tables(), replicates.tp, replicates.fp, strict=True):
        assert (table.positives, table.negatives) == (2, 2)
        assert table.thresholds[0] == 0.0
        assert table.thresholds[-1] > 1
        assert (np.diff(table.tp + table.fp) < 0)[1:].all()
        assert (table.tp + table.fn == 2).all()
        assert (table.fp + table.tn == 2).all()
        for threshold in (0.05, 0.4, 0.5, 0.95):
            row = replicates.table.row(threshold)
            counts = table.at(threshold)
            assert (counts.tp, counts.fp) == (tp[row], fp[row])


def test_the_roc_band_holds_the_curve_and_is_as_wide_as_the_binomial(sample):
    labels, p = sample
    replicates = resample(labels, p, repeats=1500)
    band = replicates.roc_band(points=21)
    table = replicates.table
    curve = np.interp(band.fpr + 1e-12, table.fpr[::-1], table.tpr[::-1])
    assert (band.low <= curve + 1e-9).all()
    assert (curve <= band.high + 1e-9).all()
    assert (band.low[-1], band.high[-1]) == (1.0, 1.0)
    # Wider than Wilson's at a fixed threshold: the false-alarm rate is uncertain as well.
    at = 4
    inner = wilson(round(curve[at] * labels.sum()), int(labels.sum()))
    assert band.high[at] - band.low[at] > inner.high - inner.low


def test_the_roc_band_of_perfect_scores_is_the_corner():
    band = resample([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9], repeats=50).roc_band(points=5)
    assert band.low.tolist() == [1.0] * 5
    with pytest.raises(DataError, match="needs normal and pneumonia"):
        resample([1, 1], [0.1, 0.2], repeats=5).roc_band()


def test_bootstrap_of_a_mean_has_the_known_spread():
    rng = np.random.default_rng(3)
    scores = rng.normal(size=400)
    found = bootstrap(lambda _, s: s.mean(), np.arange(400) % 2, scores, repeats=1500)
    strata = [scores[::2], scores[1::2]]
    spread = math.sqrt(sum(s.var() / s.size for s in strata)) / 2
    assert found.value == pytest.approx(scores.mean())
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * spread, rel=0.08)


def test_bootstrap_by_patient_draws_whole_patients():
    labels, scores = [1, 1, 0, 0, 1, 1], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    seen = set()

    def record(_, drawn):
        seen.add(tuple(drawn))
        return drawn.mean()

    bootstrap(record, labels, scores, ["a", "a", "b", "b", "c", "c"], repeats=60)
    assert seen == {
        (1, 2, 3, 4, 5, 6),  # the sample itself, in its own order
        (1, 2, 1, 2, 3, 4),
        (1, 2, 5, 6, 3, 4),
        (5, 6, 1, 2, 3, 4),
        (5, 6, 5, 6, 3, 4),
    }


def test_undefined_replicates_are_left_out():
    found = bootstrap(lambda y, _: None if y.all() else 1.0, [1, 1], [0.1, 0.2], repeats=10)
    assert found.to_json() == [None, None, None]
    assert percentile_interval(0.5, np.array([np.nan])).to_json() == [0.5, None, None]
    assert percentile_interval(0.5, np.array([np.nan, 0.4, 0.6])).low == pytest.approx(0.405)


def test_replicates_that_lost_a_class_are_left_out():
    """One of two patients holds the only normal image: a quarter of the draws lack it."""
    labels, p, patients = [1, 0, 1, 1], [0.9, 0.2, 0.8, 0.7], ["a", "a", "b", "b"]
    replicates = resample(labels, p, patients, repeats=400)
    assert 250 < len(replicates.tp) < 350
    assert (replicates.fp[:, 0] > 0).all()
    band = replicates.roc_band(points=3)
    assert band.low.tolist() == [1.0] * 3
