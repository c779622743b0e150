"""`python -m pneumo_core predict --input`: an archive's scores, whatever stops the work."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from itertools import count, pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pneumo_core import NOTICE, PneumoniaDetector, archive_scores
from pneumo_core.__main__ import main
from pneumo_core.archive_list import names_in
from pneumo_core.errors import STOPPED
from pneumo_core.files import PROJECT_FOLDER
from pneumo_core.runs import Run
from tests.archive_kills import MOMENTS
from tests.dicom_files import dicom, film

BAD = {"empty.png": b"", "notes.txt": b"no film", "ward 3/cut.png": b"\x89PNG\r\n\x1a\n\0\0"}


@pytest.fixture(scope="session")
def archive(tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 24 films, a JPEG, a DICOM and three bad files, in folders; do not write to it."""
    folder = tmp_path_factory.mktemp("archive") / "films"
    for number, path in enumerate(sorted((tiny_data / "chest_xray" / "test").glob("*/*.png"))):
        place = folder / f"ward {number % 3}" / f"{number:02d}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
    large = np.random.default_rng(1).integers(0, 256, (300, 400), np.uint8)
    Image.fromarray(large).save(folder / "large.jpg")
    (folder / "ward 1" / "film.dcm").write_bytes(dicom(film()))
    (folder / "ward 3").mkdir()
    for name, data in BAD.items():
        (folder / name).write_bytes(data)
    (folder / ".hidden").write_bytes(b"not looked at")
    return folder


@pytest.fixture(autouse=True)
def _surroundings(tiny_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tiny_run.path.parent))
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)


FEW = ["--part-size", "5", "--batch-size", "4"]


def score(source: Path, out: Path, *more: str) -> int:
    return main(["predict", "--input", str(source), "--out", str(out), *FEW, *more])


def table(out: Path) -> list[dict[str, str]]:
    """All rows, in the order of the parts."""
    rows = []
    for part in sorted((out / "scores").glob("part-*.csv")):
        with part.open(encoding="utf-8", newline="") as file:
            rows += csv.DictReader(file)
    return rows


def summary(out: Path) -> dict:
    return json.loads((out / "summary.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def straight(archive: Path, tiny_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive's scores, from one process that nothing stopped."""
    out = tmp_path_factory.mktemp("straight")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PNEUMO_WEIGHTS", str(tiny_run.path.parent))
        assert score(archive, out) == 0
    return out


# What is written


def test_rows_are_the_detectors_verdicts(archive, straight, tiny_run):
    detector = PneumoniaDetector(tiny_run)
    rows = table(straight)
    names = [path.relative_to(archive) for path in archive.rglob("[!.]*.*")]
    assert sorted(row["file"] for row in rows) == sorted(name.as_posix() for name in names)
    assert [row["number"] for row in rows] == [str(n) for n in range(1, 30)]
    good = [row for row in rows if not row["error"]]
    assert len(good) == 26
    for row in good:
        said = detector.predict(archive / row["file"])
        assert float(row["probability"]) == pytest.approx(said.probability, abs=1e-6)
        assert float(row["logit"]) == pytest.approx(said.logit, abs=1e-5)
        assert row["prediction"] == said.prediction
        assert row["zone"] == said.zone
        assert float(row["threshold"]) == pytest.approx(said.threshold, rel=1e-7)
        assert row["operating_point"] == said.operating_point
    assert {row["prediction"] for row in good} == {"Normal", "Pneumonia"}
    known = {row["file"]: (row["width"], row["height"], row["kind"]) for row in good}
    assert known["large.jpg"] == ("400", "300", "JPEG")
    assert known["ward 1/film.dcm"] == ("36", "40", "DICOM")
    assert known["ward 0/00.png"] == ("52", "40", "PNG")


def test_bad_files_are_rows_that_say_why(straight):
    bad = [row for row in table(straight) if row["error"]]
    assert [row["file"] for row in bad] == list(BAD)
    assert bad[0]["error"] == "The file is empty: export or upload it again."
    assert all(row["error"].endswith(".") and not row["probability"] for row in bad)
    listed = list(csv.DictReader((straight / "bad_files.csv").open(encoding="utf-8")))
    assert listed == [{key: row[key] for key in ("number", "file", "error")} for row in bad]


def test_the_summary_counts(straight, tiny_run):
    found, rows = summary(straight), table(straight)
    assert (found["films"], found["scored"], found["bad_files"], found["parts"]) == (29, 26, 3, 6)
    for key, column in (("predictions", "prediction"), ("zones", "zone")):
        counts = {name: sum(row[column] == name for row in rows) for name in found[key]}
        assert found[key] == counts
        assert sum(counts.values()) == 26
    assert found["run"] == "tiny"
    assert found["weights_sha256"] == tiny_run.weights_sha256
    assert found["threshold"] == tiny_run.operating_point.threshold
    assert found["notice"] == NOTICE


def test_parquet_is_the_same_table(archive, straight, tmp_path, capsys):
    assert score(archive, tmp_path / "out", "--format", "parquet", "--part-size", "10") == 0
    assert capsys.readouterr().out == (
        f"26 films scored in {tmp_path / 'out' / 'scores'}, 3 bad files "
        f"(listed in {tmp_path / 'out' / 'bad_files.csv'}).\n"
    )
    found = pd.read_parquet(tmp_path / "out" / "scores")
    expected = pd.DataFrame(table(straight))
    assert list(found.columns) == list(expected.columns)
    for name in ("number", "probability", "logit", "threshold", "width", "height"):
        numbers = pd.to_numeric(expected[name]).to_numpy(float)
        assert found[name].to_numpy(float) == pytest.approx(numbers, abs=1e-5, nan_ok=True)
    for name in ("file", "prediction", "zone", "operating_point", "kind", "error"):
        assert found[name].fillna("").tolist() == expected[name].tolist()
    one, other = summary(tmp_path / "out"), summary(straight)
    assert {**one, "parts": 6, "format": "csv"} == other
    assert (tmp_path / "out" / "bad_files.csv").read_text() == (
        straight / "bad_files.csv"
    ).read_text()


# Manifests


def test_a_manifest_may_hold_any_name(archive, tmp_path):
    films = sorted(archive.glob("ward */*.png"))
    odd = ["=1+1.png", 'a, "b"\r\n.png', "\udcff.png", "Röntgen.png", "-x.png", "file"]
    for name, path in zip(odd, films, strict=False):
        shutil.copy(path, tmp_path / name)
    manifest = tmp_path / "list.csv"
    with manifest.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["\ufeffpatient", "File", "note"])
        for number, name in enumerate([*odd, str(films[9]), "nowhere.png"]):
            writer.writerow([number, name, "x;y\nz"])
            writer.writerow(["", "", ""])
    assert list(names_in(manifest)) == [*odd, str(films[9]), "nowhere.png"]
    assert score(manifest, tmp_path / "out") == 0
    rows = table(tmp_path / "out")
    shown = ["'=1+1.png", 'a, "b"\\r\\n.png', "\\xff.png", "Röntgen.png", "'-x.png", "file"]
    assert [row["file"] for row in rows] == [*shown, str(films[9]), "nowhere.png"]
    assert [bool(row["error"]) for row in rows] == [False] * 7 + [True]

    lines = tmp_path / "lines.txt"
    lines.write_bytes(b"\r\n".join(os.fsencode(path) for path in films[:6]) + b"\r\n\r\n")
    assert score(lines, tmp_path / "lines") == 0
    alone = [float(row["probability"]) for row in table(tmp_path / "lines")]
    assert [float(row["probability"]) for row in rows[:6]] == pytest.approx(alone, abs=1e-6)
    assert len(set(alone)) == 6


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"\xff\xfef\0i\0", "is no UTF-8 text"),
        (b"PK\3\4\0\0", "is no UTF-8 text"),
        (b"path,label\na.png,1\n", "has several fields and none is 'file'"),
        (b"file,label\na.png,1\n,2\n", "Row 3 of"),
        (b"label,file\n1,a.png\n2\n", "Row 3 of"),
        (b'file\na.png\n"b.png\n', "is no sound CSV"),
        (b"file\n", "names no film"),
        (b"", "names no film"),
    ],
)
def test_a_manifest_that_makes_no_sense_is_one_sentence(content, sentence, tmp_path, capsys):
    (tmp_path / "list.csv").write_bytes(content)
    assert score(tmp_path / "list.csv", tmp_path / "out") == 1
    out, err = capsys.readouterr()
    assert sentence in err
    assert (out, err.count("\n")) == ("", 1)
    assert not (tmp_path / "out" / "job.json").exists()
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--input", "nowhere", "--out", "x"], "There is no manifest and no folder 'nowhere'"),
        (["--input", "films", "--out", "x", "--batch-size", "0"], "--batch-size must be at"),
        (["--input", "films", "--out", "x", "--run", "none"], "There is no run 'none'"),
        (["--input", "films", "--out", "films/large.jpg"], "File exists"),
    ],
)
def test_mistakes_are_one_sentence(arguments, sentence, archive, monkeypatch, capsys):
    monkeypatch.chdir(archive.parent)
    assert main(["predict", *arguments]) == 1
    out, err = capsys.readouterr()
    assert err.startswith(f"pneumo_core: {sentence}")
    assert (out, err.count("\n")) == ("", 1)


@pytest.mark.parametrize("arguments", [["--input", "x"], ["--out", "x"], ["a", "--input", "x"]])
def test_half_an_order_shows_the_usage(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["predict", *arguments])
    assert caught.value.code == 2
    assert "give image files, or an archive" in capsys.readouterr().err


# Stops


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_kill_at_any_moment_loses_and_repeats_nothing(archive, straight, tmp_path):
    out = tmp_path / "out"
    done = subprocess.run(
        [sys.executable, "-m", "tests.archive_kills", str(archive), str(out)],
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT_FOLDER,
    )
    tries = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [each["signal"] for each in tries] == [signal.SIGKILL] * (len(MOMENTS) - 1) + [0]
    for earlier, later in pairwise(tries):
        # What is there is never written again.
        assert earlier["parts"].items() <= later["parts"].items()
    numbers = [len(each["parts"]) for each in tries]
    assert numbers[0] == 0
    assert len(set(numbers)) > 3, numbers
    assert table(out) == table(straight)
    assert summary(out) == summary(straight)
    assert not list(out.rglob(".*.tmp"))


def test_a_polite_kill_says_how_to_go_on(archive, straight, tmp_path, monkeypatch, capsys):
    whole = archive_scores.predict_logits
    batches = count()

    def killed(*arguments, **options):
        if next(batches) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.05)
        return whole(*arguments, **options)

    handler = signal.getsignal(signal.SIGTERM)
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(archive_scores, "predict_logits", killed)
        assert score(archive, out, "--workers", "1") == STOPPED
    said = capsys.readouterr().err.splitlines()[-1]
    there = len(list(out.glob("scores/part-*")))
    assert said == f"Stopped; {there} of 6 parts are there. The same command goes on."
    assert there < 6
    assert not (out / "summary.json").exists()
    assert signal.getsignal(signal.SIGTERM) == handler
    assert score(archive, out) == 0
    assert table(out) == table(straight)


def test_a_job_that_is_done_is_done(archive, straight, tmp_path, monkeypatch, capsys):
    out = shutil.copytree(straight, tmp_path / "out")
    monkeypatch.setattr(archive_scores, "scored", None)
    assert score(archive, out) == 0
    assert capsys.readouterr().out.startswith("26 films scored in ")


def test_a_folder_is_listed_once(archive, straight, tmp_path):
    """What comes into the folder after the job began does not shift the parts."""
    films = shutil.copytree(archive, tmp_path / "films")
    out = tmp_path / "out"
    assert score(films, out) == 0
    (out / "scores" / "part-00003.csv").unlink()
    shutil.copy(films / "large.jpg", films / "a.jpg")
    (out / "bad_files.csv").write_text("")
    assert score(films, out) == 0
    assert (out / "bad_files.csv").read_text() == (straight / "bad_files.csv").read_text()
    assert [row["file"] for row in table(out)] == [row["file"] for row in table(straight)]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"weights_sha256": "0" * 64}, "another weights"),
        ({"settings_sha256": "0" * 64}, "another run's settings"),
        ({"threshold": 0.5}, "another threshold (0.5, not"),
        ({"part_size": 7}, "another --part-size (7, not 5)"),
        ({"format": "parquet"}, "another --format (parquet, not csv)"),
        ({"input_sha256": "0" * 64}, "another manifest"),
    ],
)
def test_another_job_is_refused(change, sentence, archive, straight, tmp_path, capsys):
    out = shutil.copytree(straight, tmp_path / "out")
    job = json.loads((out / "job.json").read_text())
    (out / "job.json").write_text(json.dumps({**job, **change}))
    before = {path: path.read_bytes() for path in out.rglob("*.*")}
    assert score(archive, out) == 1
    err = capsys.readouterr().err
    assert sentence in err
    assert err.count("\n") == 1
    assert {path: path.read_bytes() for path in out.rglob("*.*")} == before


def test_another_manifest_is_refused(archive, tmp_path, capsys):
    lines = archive.parent / "lines.txt"
    lines.write_text("films/large.jpg\n")
    assert score(lines, tmp_path / "out") == 0
    lines.write_text("films/large.jpg\nfilms/empty.png\n")
    assert score(lines, tmp_path / "out") == 1
    assert "another manifest" in capsys.readouterr().err
    lines.unlink()


@pytest.mark.parametrize("damage", ["{", "[]", "{}", None])
def test_a_damaged_job_is_refused(damage, archive, straight, tmp_path, capsys):
    out = shutil.copytree(straight, tmp_path / "out")
    if damage is None:
        (out / "job.json").unlink()
    else:
        (out / "job.json").write_text(damage)
    assert score(archive, out) == 1
    assert "name another folder with --out." in capsys.readouterr().err


def test_a_part_that_lacks_a_film_is_named(archive, straight, tmp_path, capsys):
    out = shutil.copytree(straight, tmp_path / "out")
    (out / "summary.json").unlink()
    part = out / "scores" / "part-00001.csv"
    part.write_text("".join(part.read_text().splitlines(keepends=True)[:-1]))
    assert score(archive, out) == 1
    assert "part-00001.csv does not hold films 6 to 10: delete it" in capsys.readouterr().err
    part.unlink()
    assert score(archive, out) == 0
    assert table(out) == table(straight)


# Several processes


def test_processes_share_the_parts(archive, straight, tmp_path, monkeypatch, capsys):
    """As torchrun names them, one after the other; the number changes after a stop."""
    out = tmp_path / "out"
    for rank, world, parts, said in (
        (2, 3, {2, 5}, "Process 3 of 3 is done; parts that others still have to write: 4."),
        (1, 2, {1, 2, 3, 5}, "Process 2 of 2 is done; parts that others still have to write: 2."),
        (0, 2, {0, 1, 2, 3, 4, 5}, NOTICE),
    ):
        monkeypatch.setenv("RANK", str(rank))
        monkeypatch.setenv("WORLD_SIZE", str(world))
        assert score(archive, out) == 0
        assert {int(path.stem[-5:]) for path in out.glob("scores/part-*")} == parts
        assert capsys.readouterr().err.splitlines()[-1] == said
        assert (out / "summary.json").exists() == (len(parts) == 6)
    assert table(out) == table(straight)
    assert summary(out) == summary(straight)


def test_torchrun(archive, straight, tmp_path):
    command = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    job = ["predict", "--input", str(archive), "--out", str(tmp_path / "out"), *FEW]
    done = subprocess.run(
        [sys.executable, "-m", *command, "-m", "pneumo_core", *job],
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT_FOLDER,
    )
    assert done.returncode == 0, done.stderr
    assert "26 films scored" in done.stdout
    assert table(tmp_path / "out") == table(straight)
    assert summary(tmp_path / "out") == summary(straight)
