"""Which images to label next: the order by hand, and the command over a folder."""

import csv
import io
import shutil
import stat
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pneumo_core import NOTICE, PneumoniaDetector
from pneumo_core.__main__ import main
from pneumo_core.features import pooled_features
from pneumo_core.images import read_image
from pneumo_core.runs import Run
from pneumo_core.suggest import Pick, entropy, ranked, suggestions

HEADER = "rank,file,probability,uncertainty,distance,nearest"


def _order(uncertainty: list[float], features: np.ndarray, count: int | None = None) -> list[int]:
    picks = ranked(np.array(uncertainty), np.asarray(features, np.float32), count)
    return [pick.position for pick in picks]


# The order


def test_entropy_by_hand():
    found = entropy(np.array([0.5, 0.25, 0.75, 0.0, 1.0]))
    quarter = 2 - 0.75 * np.log2(3)  # of log2(4)/4 + 3/4 log2(4/3)
    np.testing.assert_allclose(found, [1, quarter, quarter, 0, 0], atol=1e-12)


def test_a_toy_set_by_hand():
    """Gains in turn: 1; 0.5 * sqrt 2 against 0.3 * 2 and 0; 0.3 * sqrt 2 against 0; 0."""
    features = np.array([[1, 0], [2, 0], [0, 3], [-1, 0]], np.float32)
    picks = ranked(np.array([1, 0.99, 0.5, 0.3]), features)
    root = pytest.approx(2**0.5)
    assert picks == [Pick(0, None, None), Pick(2, root, 0), Pick(3, root, 2), Pick(1, 0.0, 0)]


def test_without_differences_in_uncertainty_it_is_the_farthest_first():
    angles = np.radians([0, 10, 100, 180])
    features = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    assert _order([1, 1, 1, 1], features) == [0, 3, 2, 1]


def test_near_duplicates_are_not_both_at_the_top():
    rng = np.random.default_rng(3)
    features = rng.random((20, 8))
    copies = features + rng.normal(0, 1e-4, features.shape)
    uncertainty = np.tile(rng.uniform(0.3, 1, 20), 2)
    order = _order(uncertainty, np.concatenate([features, copies]))
    assert len({position % 20 for position in order[:20]}) == 20


def test_certain_images_come_last():
    rng = np.random.default_rng(4)
    uncertainty = np.where(np.arange(30) < 20, rng.uniform(0.2, 1, 30), 1e-6)
    features = rng.random((30, 5))
    features[20:] *= -1  # far from all others: outliers of which the network is certain
    assert set(_order(uncertainty, features)[20:]) == set(range(20, 30))


def test_equals_keep_their_order_and_each_comes_once():
    assert _order([0, 0, 0, 0], np.ones((4, 2))) == [0, 1, 2, 3]
    assert _order([1, 1, 1, 1], np.zeros((4, 2))) == [0, 1, 2, 3]


def test_a_count_is_the_beginning_of_the_whole():
    rng = np.random.default_rng(5)
    uncertainty, features = rng.random(12), rng.random((12, 3))
    whole = _order(uncertainty, features)
    assert sorted(whole) == list(range(12))
    assert _order(uncertainty, features, 5) == whole[:5]
    assert _order(uncertainty, features, 99) == whole


# The command


@pytest.fixture
def pool(tiny_data: Path, tiny_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of unlabelled films, some in a folder within; the tiny run is the default one."""
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tiny_run.path.parent))
    folder = tmp_path / "pool"
    (folder / "ward 3").mkdir(parents=True)
    films = sorted((tiny_data / "chest_xray" / "test").glob("*/*.png"))
    for i, film in enumerate(films):
        shutil.copy(film, folder / ("ward 3" if i % 3 == 0 else "") / film.name)
    return folder


def _rows(text: str) -> list[dict[str, str]]:
    assert text.startswith(f"{HEADER}\n")
    return list(csv.DictReader(io.StringIO(text)))


def test_every_number_in_the_table(pool, tiny_run, capsys):
    assert main(["suggest", "--input", str(pool)]) == 0
    out, err = capsys.readouterr()
    rows = _rows(out)
    assert err == f"24 images ranked, 0 left out.\n{NOTICE}\n"
    assert [row["rank"] for row in rows] == [str(i) for i in range(1, 25)]
    expected = {path.relative_to(pool).as_posix() for path in pool.rglob("*.png")}
    assert {row["file"] for row in rows} == expected
    detector = PneumoniaDetector(tiny_run)
    files = [pool / row["file"] for row in rows]
    chances = np.array([detector.predict(file).probability for file in files])
    bits = -chances * np.log2(chances) - (1 - chances) * np.log2(1 - chances)
    np.testing.assert_allclose([float(row["probability"]) for row in rows], chances, atol=2e-6)
    np.testing.assert_allclose([float(row["uncertainty"]) for row in rows], bits, atol=2e-6)

    preprocess = tiny_run.preprocess
    squares = np.stack([preprocess.square(read_image(file).pixels) for file in files])
    features = pooled_features(tiny_run.load_model(), tiny_run.model, preprocess, squares)
    directions = features / np.linalg.norm(features, axis=1, keepdims=True)
    apart = np.linalg.norm(directions[:, None] - directions, axis=2)
    assert (rows[0]["distance"], rows[0]["nearest"]) == ("", "")
    assert bits[0] == bits.max()
    for i in range(1, len(rows)):
        assert float(rows[i]["distance"]) == pytest.approx(apart[i, :i].min(), abs=1e-5)
        assert rows[i]["nearest"] == rows[int(apart[i, :i].argmin())]["file"]
        gains = bits[i:] * apart[i:, :i].min(axis=1)
        assert gains[0] == pytest.approx(gains.max(), abs=1e-5)


def test_a_copy_of_the_first_comes_late(pool, tiny_run):
    first = suggestions(tiny_run, pool)[0][0]
    pixels = np.asarray(Image.open(pool / first.file)).astype(int)
    pixels[::7, ::5] += 1
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(pool / "again.png")
    ranking = {each.file: each for each in suggestions(tiny_run, pool)[0]}
    one, other = sorted((ranking[first.file], ranking["again.png"]), key=lambda each: each.rank)
    assert (one.rank, other.nearest) == (1, one.file)
    assert other.uncertainty == pytest.approx(one.uncertainty, abs=0.05)
    assert other.rank > len(ranking) / 2


def test_the_same_again_and_into_a_file(pool, tmp_path, capsys):
    out = tmp_path / "next.csv"
    assert main(["suggest", "--input", str(pool), "--run", "tiny", "--out", str(out)]) == 0
    assert capsys.readouterr().out == ""
    assert stat.S_IMODE(out.stat().st_mode) == 0o644
    assert main(["suggest", "--input", str(pool)]) == 0
    assert capsys.readouterr().out == out.read_text(encoding="utf-8")
    assert main(["suggest", "--input", str(pool), "--count", "3"]) == 0
    assert capsys.readouterr().out == "".join(out.read_text().splitlines(keepends=True)[:4])


def test_bad_files_are_told_and_the_rest_is_ranked(pool, capsys):
    whole = next(pool.glob("*.png")).read_bytes()
    (pool / "notes.txt").write_text("not an image", encoding="utf-8")
    (pool / "ward 3" / "cut.png").write_bytes(whole[:200])
    (pool / "empty.png").touch()
    (pool / ".hidden.png").write_bytes(whole)
    (pool / ".cache").mkdir()
    (pool / ".cache" / "film.png").write_bytes(whole)
    assert main(["suggest", "--input", str(pool)]) == 0
    out, err = capsys.readouterr()
    assert len(_rows(out)) == 24
    *told, total, notice = err.splitlines()
    assert [line.split(": ")[:2] for line in told] == [
        ["left out", "empty.png"],
        ["left out", "notes.txt"],
        ["left out", "ward 3/cut.png"],
    ]
    assert all(line.endswith(".") for line in told)
    assert (total, notice) == ("24 images ranked, 3 left out.", NOTICE)


def test_a_folder_that_is_closed_to_us_is_told(pool, tiny_run, monkeypatch):
    def walk(folder, onerror):
        onerror(PermissionError(13, "Permission denied", str(Path(folder) / "ward 3")))
        yield str(folder), ["ward 3"], [next(pool.glob("*.png")).name]

    monkeypatch.setattr("pneumo_core.suggest.os.walk", walk)
    ranking, refused = suggestions(tiny_run, pool)
    assert len(ranking) == 1
    assert refused == {
        "ward 3": "This folder cannot be read (Permission denied): check its rights."
    }


def test_file_names_need_not_be_text(pool, capsys):
    film = next(pool.glob("*.png"))
    shutil.copy(film, pool / "Röntgen, 1.png")
    shutil.copy(film, pool / "\udcff.png")
    assert main(["suggest", "--input", str(pool)]) == 0
    files = {row["file"] for row in _rows(capsys.readouterr().out)}
    assert {"Röntgen, 1.png", "\\xff.png"} <= files


def test_no_file_name_is_a_formula(pool, capsys):
    shutil.copy(next(pool.rglob("*.png")), pool / "=1+1.png")
    assert main(["suggest", "--input", str(pool)]) == 0
    rows = _rows(capsys.readouterr().out)
    assert "'=1+1.png" in {row["file"] for row in rows}
    assert not [
        row for row in rows if row["file"].startswith("=") or row["nearest"].startswith("=")
    ]


def test_no_image_at_all(tmp_path, pool, capsys):
    assert pool.exists()
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "a.png").write_text("no", encoding="utf-8")
    assert main(["suggest", "--input", str(tmp_path / "none")]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("left out: a.png: ")
    assert err.endswith("none holds no image that can be read: check --input.\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--input", "nowhere"], "There is no folder 'nowhere': check --input."),
        (["--input", "pool", "--count", "0"], "--count must be at least 1, not 0."),
        (["--input", "pool", "--run", "none"], "There is no run 'none'"),
        (["--input", "pool", "--out", "no/x.csv"], "There is no folder 'no' to write to"),
        (["--input", "pool", "--out", "pool"], "pool cannot be written"),
    ],
)
def test_mistakes_are_one_sentence(pool, arguments, sentence, monkeypatch, capsys):
    monkeypatch.chdir(pool.parent)
    assert main(["suggest", *arguments]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"pneumo_core: {sentence}")
    assert not list(pool.parent.rglob("*.tmp"))
