"""The pictures of a run: what is drawn is what the scores say, and files are whole."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from pneumo_core import plots
from pneumo_core.architectures import ModelSpec
from pneumo_core.calibration import expected_calibration_error, probability
from pneumo_core.datasets import Dataset, Split
from pneumo_core.errors import DataError
from pneumo_core.files import write_json
from pneumo_core.intervals import auc_delong, wilson
from pneumo_core.metrics import summary
from pneumo_core.operating_point import OperatingPoint, Zones
from pneumo_core.preprocess import Preprocess
from pneumo_core.runs import Run, read_run

TEMPERATURE = 2.0
THRESHOLD = 0.6
NAMES = [
    "accuracy_plot.png",
    "auc_plot.png",
    "confusion_matrix.png",
    "roc_curve.png",
    "pr_curve.png",
    "calibration.png",
    "misclassified_samples.png",
]
# Labels and logits of test; at temperature 2 and threshold 0.6 a logit from 0.811 up is called
# pneumonia: 3 of 4 normals and 4 of 6 pneumonias are right.
TEST = [(0, -4.0), (0, -2.0), (0, 0.5), (0, 3.0)]
TEST += [(1, -3.5), (1, 0.6), (1, 1.0), (1, 2.0), (1, 4.0), (1, 6.0)]


def _scores() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    labels = np.tile([0, 1], 20)
    val = zip(labels, rng.normal(np.where(labels == 1, 1.5, -1.5), 2).round(6), strict=True)
    rows = [("val", label, logit) for label, logit in val]
    rows += [("test", label, logit) for label, logit in TEST]
    table = pd.DataFrame(rows, columns=["split", "label", "logit"])
    place = table.groupby("split").cumcount().map("{:04d}".format)
    return table.assign(id=table["split"] + "-" + place, patient="", group="")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    scores = _scores()
    scores.to_csv(tmp_path / "scores.csv", index=False)
    history = {
        "epoch": [1, 2, 3],
        "train_accuracy": [0.7, 0.8, 0.9],
        "val_accuracy": [0.65, 0.85, 0.75],
        "train_auc": [0.8, 0.9, 0.95],
        "val_auc": [0.78, 0.91, 0.88],
    }
    pd.DataFrame(history).to_csv(tmp_path / "history.csv", index=False)
    metrics = {}
    for split, rows in scores.groupby("split"):
        metrics[split] = summary(rows["label"], probability(rows["logit"], TEMPERATURE), THRESHOLD)
    described = Run(
        path=tmp_path,
        title="Tiny network",
        model=ModelSpec("cnn", channels=1, stem="small"),
        preprocess=Preprocess(28),
        flip_average=False,
        temperature=TEMPERATURE,
        operating_points=(OperatingPoint("balanced", THRESHOLD, "by hand", "val"),),
        zones=Zones(0.3, 0.7, "by hand", "val"),
        recipe={},
        training={"seed": 1, "epochs": 3, "best_epoch": 2, "duration_s": 1.0, "date": ""},
        data={
            **dict.fromkeys(("name", "title", "fingerprint", "split_rule"), ""),
            "counts": {key: {"normal": 1, "pneumonia": 1} for key in ("train", "val", "test")},
        },
        metrics=metrics,
        weights_sha256="",
    )
    write_json(tmp_path / "run.json", described.to_json())
    return read_run(tmp_path)


@pytest.fixture
def dataset(run: Run) -> Dataset:
    """Test images of 4 x 6 pixels, each of one grey: its place / 255."""
    test = run.scores("test")
    split = Split(
        ids=tuple(test["id"]),
        labels=test["label"].to_numpy(),
        patients=("",) * len(test),
        groups=("",) * len(test),
        read=lambda place: np.full((4, 6), place / 255, np.float32),
    )
    return Dataset("tiny", "Tiny", run.path, "", "official", {"test": split})


def _line(figure: Figure, label: str, axes: int = 0) -> np.ndarray:
    """Points (N, 2) of the one line whose legend entry starts with `label`."""
    lines = figure.axes[axes].get_lines()
    (line,) = [line for line in lines if str(line.get_label()).startswith(label)]
    return np.column_stack(line.get_data()).astype(float)


def _legend(figure: Figure) -> list[str]:
    (legend,) = [*figure.legends, *(a.get_legend() for a in figure.axes if a.get_legend())]
    return [text.get_text() for text in legend.get_texts()]


def _points(array: np.ndarray) -> np.ndarray:
    """Distinct rows in a fixed order: curves may repeat a point and run either way."""
    return np.unique(array.round(12), axis=0)


@pytest.mark.parametrize(
    ("draw", "train", "val"),
    [
        (plots.accuracy_plot, [0.7, 0.8, 0.9], [0.65, 0.85, 0.75]),
        (plots.auc_plot, [0.8, 0.9, 0.95], [0.78, 0.91, 0.88]),
    ],
)
def test_history_is_drawn_by_epoch_with_the_chosen_one_marked(run, draw, train, val):
    figure = draw(run)
    np.testing.assert_allclose(_line(figure, "Training"), np.column_stack([[1, 2, 3], train]))
    np.testing.assert_allclose(_line(figure, "Validation"), np.column_stack([[1, 2, 3], val]))
    np.testing.assert_allclose(_line(figure, "Chosen epoch: 2"), [[2, val[1]]])


def test_every_network_of_an_ensemble_has_its_chosen_epoch(run):
    each = [{"seed": seed, "best_epoch": kept} for seed, kept in ((1, 5), (2, 1), (3, 3))]
    figure = plots.auc_plot(replace(run, training={**run.training, "members": each}))
    np.testing.assert_allclose(_line(figure, "Chosen epochs: 1, 3, 5"), [[1, 0.78], [3, 0.88]])
    (axes,) = figure.axes
    assert axes.get_xlim() == (0.5, 5.5), "one network went on when the shortest had stopped"
    assert axes.get_title(loc="left").endswith(", mean of 3 networks")


def test_confusion_matrix_has_counts_and_row_percentages(run):
    axes = plots.confusion_matrix(run).axes[0]
    texts = {}
    for text in axes.texts:
        if text.get_transform() == axes.transData:
            column, row = text.get_position()
            texts.setdefault((round(row), round(column)), []).append(text.get_text())
    assert texts == {
        (0, 0): ["3", "75.0 %"],
        (0, 1): ["1", "25.0 %"],
        (1, 0): ["2", "33.3 %"],
        (1, 1): ["4", "66.7 %"],
    }
    assert [t.get_text() for t in axes.get_xticklabels()] == ["Normal", "Pneumonia"]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["Normal", "Pneumonia"]
    np.testing.assert_allclose(axes.images[0].get_array(), [[3 / 4, 1 / 4], [1 / 3, 2 / 3]])
    assert axes.get_xlabel() == "Predicted class (balanced, threshold 0.600)"


@pytest.mark.parametrize(("split", "title"), [("val", "Validation"), ("test", "Test")])
def test_roc_is_scikit_learns_and_marks_the_operating_point(run, split, title):
    from sklearn.metrics import roc_curve

    figure, scores = plots.roc_curve(run), run.scores(split)
    fpr, tpr, _ = roc_curve(scores["label"], scores["probability"], drop_intermediate=False)
    drawn = _line(figure, f"{title}: AUC")
    np.testing.assert_allclose(_points(drawn), _points(np.column_stack([fpr, tpr])))

    area = auc_delong(scores["label"], scores["probability"])
    words = f"{title}: AUC {area.value:.3f} ({area.low:.3f} to {area.high:.3f})"
    assert words in _legend(figure)

    called = scores["probability"] >= THRESHOLD
    rates = called.groupby(scores["label"]).mean()
    marked = _line(figure, f"{title}: balanced, threshold 0.600")
    np.testing.assert_allclose(marked, [[rates[0], rates[1]]])


@pytest.mark.parametrize(("split", "title"), [("val", "Validation"), ("test", "Test")])
def test_precision_recall_is_scikit_learns_and_marks_the_operating_point(run, split, title):
    from sklearn.metrics import average_precision_score, precision_recall_curve

    figure, scores = plots.pr_curve(run), run.scores(split)
    labels, values = scores["label"], scores["probability"]
    precision, recall, _ = precision_recall_curve(labels, values)
    drawn = _line(figure, f"{title}: average precision")
    np.testing.assert_allclose(_points(drawn), _points(np.column_stack([recall, precision])))
    # In steps, the area under what is drawn is the average precision of the legend.
    area = -np.sum(np.diff(drawn[:, 0]) * drawn[:-1, 1])
    assert area == pytest.approx(average_precision_score(labels, values))
    assert any(f"{title}: average precision {area:.3f} (" in words for words in _legend(figure))
    curves = [line for line in figure.axes[0].get_lines() if "precision" in line.get_label()]
    assert [line.get_drawstyle() for line in curves] == ["steps-post", "steps-post"]

    called = values >= THRESHOLD
    marked = _line(figure, f"{title}: balanced, threshold 0.600")
    np.testing.assert_allclose(marked, [[called[labels == 1].mean(), labels[called].mean()]])
    chance = _line(figure, f"{title}: chance")
    np.testing.assert_allclose(chance[:, 1], labels.mean())


@pytest.mark.parametrize(
    ("place", "name", "temperature"),
    [(0, "Before (temperature 1.00)", 1.0), (1, "After (temperature 2.00)", TEMPERATURE)],
)
def test_calibration_shows_each_bin_with_wilsons_interval(run, place, name, temperature):
    labels = np.array([label for label, _ in TEST])
    values = probability([logit for _, logit in TEST], temperature)
    index = np.minimum((values * 10).astype(int), 9)
    filled = np.unique(index)

    figure = plots.calibration(run)
    shares = figure.axes[0].containers[place]
    points, _, (bars,) = shares.lines
    np.testing.assert_allclose(
        np.column_stack(points.get_data()).astype(float),
        [[values[index == i].mean(), labels[index == i].mean()] for i in filled],
    )
    intervals = [wilson(labels[index == i].sum(), (index == i).sum()) for i in filled]
    np.testing.assert_allclose(
        np.array([segment[:, 1] for segment in bars.get_segments()], float),
        [[share.low, share.high] for share in intervals],
    )
    counts = figure.axes[1].containers[place]
    assert [bar.get_height() for bar in counts] == [(index == i).sum() for i in filled]
    assert [int(bar.get_center()[0] * 10) for bar in counts] == list(filled)
    error = expected_calibration_error(labels, values)
    assert f"{name}: ECE {error:.3f}" in _legend(figure)


def test_misclassified_are_listed_from_the_most_wrong(run):
    assert list(plots.misclassified(run)["logit"]) == [-3.5, 3.0, 0.6]
    assert list(plots.misclassified(run)["label"]) == [1, 0, 1]


def test_sheet_shows_each_wrong_image_under_its_own_title(run, dataset):
    figure = plots.misclassified_samples(run, dataset)
    shown = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in shown] == [
        "True: Pneumonia\np = 0.148\ntest-0004",
        "True: Normal\np = 0.818\ntest-0003",
        "True: Pneumonia\np = 0.574\ntest-0005",
    ]
    for axes, place in zip(shown, (4, 3, 5), strict=True):
        np.testing.assert_array_equal(axes.images[0].get_array(), np.full((4, 6), place))
        assert axes.images[0].get_clim() == (0, 255)
    assert figure.get_suptitle() == "Misclassified test images: 3"
    assert "PneumoniaMNIST / Kermany et al. 2018, CC BY 4.0" in figure.get_supxlabel()


def test_sheet_ends_at_24_images_and_never_rounds_to_certainty(run, dataset):
    count = 30
    wrong = pd.DataFrame(
        {
            "split": "test",
            "id": [f"test/NORMAL/IM-{place:04d}-0001.jpeg" for place in range(count)],
            "patient": "",
            "group": "",
            "label": 0,
            "logit": np.linspace(40, 2, count),
        }
    )
    wrong.to_csv(run.path / "scores.csv", index=False)
    split = replace(dataset.splits["test"], ids=tuple(wrong["id"]))
    figure = plots.misclassified_samples(
        read_run(run.path), replace(dataset, splits={"test": split})
    )
    titles = [axes.get_title() for axes in figure.axes if axes.images]
    assert len(titles) == 24
    assert titles[0] == "True: Normal\np > 0.999\nIM-0000-0001"
    assert titles[23].endswith("IM-0023-0001")
    assert figure.get_suptitle() == "Misclassified test images: 30, the 24 most wrong are shown"


def test_sheet_without_a_wrong_image_says_so(run, dataset):
    right = pd.DataFrame([("test", 0, -3.0), ("test", 1, 3.0)], columns=["split", "label", "logit"])
    right.assign(id="x", patient="", group="").to_csv(run.path / "scores.csv", index=False)
    figure = plots.misclassified_samples(read_run(run.path), dataset)
    assert figure.get_suptitle() == "Misclassified test images: 0"
    assert not any(axes.images for axes in figure.axes)


def test_a_data_set_without_the_images_is_refused(run, dataset):
    split = dataset.splits["test"].subset([0, 1])
    with pytest.raises(DataError, match="has no image 'test-0004'"):
        plots.misclassified_samples(run, replace(dataset, splits={"test": split}))


def test_every_plot_is_written_at_the_width_of_a_page(run, dataset):
    written = plots.write_plots(run, dataset)
    assert [path.name for path in written] == NAMES
    assert {path.parent for path in written} == {run.path / "plots"}
    assert sorted(path.name for path in (run.path / "plots").iterdir()) == sorted(NAMES)
    for path in written:
        with Image.open(path) as image:
            assert image.format == "PNG"
            assert image.width == 1005
            assert image.info["dpi"] == pytest.approx((150, 150), abs=0.1)
            low, high = image.convert("L").getextrema()
            assert (low < 100, high) == (True, 255)
    assert run.plot("roc_curve.png") == run.path / "plots" / "roc_curve.png"


def test_without_the_data_set_only_the_sheet_is_left_out(run, monkeypatch):
    monkeypatch.setattr(Figure, "savefig", lambda _, path, **__: path.write_bytes(b"picture"))
    assert [path.name for path in plots.write_plots(run, None)] == NAMES[:-1]
    assert run.plot("misclassified_samples.png") is None


def test_a_failed_save_leaves_the_old_picture_and_nothing_half_written(run, monkeypatch):
    folder = run.path / "plots"
    folder.mkdir()
    (folder / "accuracy_plot.png").write_bytes(b"old")

    def full_disk(_figure, path, **_):
        path.write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(Figure, "savefig", full_disk)
    with pytest.raises(OSError, match="No space left"):
        plots.write_plots(run, None)
    assert [path.name for path in folder.iterdir()] == ["accuracy_plot.png"]
    assert (folder / "accuracy_plot.png").read_bytes() == b"old"


def test_drawing_touches_nothing_global(run):
    program = """
import sys
from pathlib import Path
from pneumo_core import plots
from pneumo_core.runs import Run
assert not {"matplotlib", "torch", "sklearn", "pandas"} & set(sys.modules)
run = Run(Path(sys.argv[1]), "", *[None] * 7, {"best_epoch": 2}, *[None] * 3)
plots.auc_plot(run).savefig(Path(sys.argv[1]) / "auc.png")
import matplotlib
assert "matplotlib.pyplot" not in sys.modules
assert matplotlib.get_backend(auto_select=False) is None
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(run.path)],
        cwd=Path(plots.__file__).parents[1],
        env={"PATH": "", "HOME": str(run.path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (run.path / "auc.png").stat().st_size > 1000
