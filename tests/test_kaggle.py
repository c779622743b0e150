"""Kaggle's folder data: fetched whole and found afterwards, or one sentence and nothing left."""

import errno
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from pneumo_core import kaggle
from pneumo_core.datasets import find_dataset, load_dataset
from pneumo_core.errors import DataError
from pneumo_core.kaggle import COUNTS, PAGE, download_chest_xray
from tests.conftest import TINY_COUNTS, real_dataset, write_tiny_data

CLASSES = ("NORMAL", "PNEUMONIA")


def kaggles_archive(place: Path) -> None:
    """What Kaggle's archive holds: everything twice, and what macOS left in it."""
    write_tiny_data(place / "chest_xray")
    write_tiny_data(place / "chest_xray" / "chest_xray")
    for copy in (place / "chest_xray", place / "chest_xray" / "chest_xray"):
        (copy / "train" / "NORMAL" / ".DS_Store").write_bytes(b"x")
        (copy / "train" / "NORMAL" / "._IM-0115-0001.jpeg").write_bytes(b"x")
    waste = place / "chest_xray" / "__MACOSX" / "chest_xray" / "train" / "NORMAL"
    waste.mkdir(parents=True)
    (waste / "._IM-0115-0001.jpeg").write_bytes(b"x")


def only_the_nested_copy(place: Path) -> None:
    kaggles_archive(place)
    for split in COUNTS:
        (place / "chest_xray" / split).rename(place / "chest_xray" / f"not {split}")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The first folder that is searched; the data set is as small as the tiny one."""
    counts = {split: (count, count) for split, count in TINY_COUNTS.items()}
    monkeypatch.setattr(kaggle, "COUNTS", counts)
    monkeypatch.setenv("PNEUMO_DATA", str(tmp_path / "mine"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "mine"


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Path], None]], list[str]]:
    """Put a stand-in for kagglehub in place, which leaves what a function makes."""

    def put(make: Callable[[Path], None]) -> list[str]:
        asked: list[str] = []

        def dataset_download(handle: str, *, output_dir: str) -> str:
            asked.append(handle)
            make(Path(output_dir))
            return output_dir

        stand_in = SimpleNamespace(dataset_download=dataset_download)
        monkeypatch.setitem(sys.modules, "kagglehub", stand_in)
        return asked

    return put


def _failing(error: BaseException) -> Callable[[Path], None]:
    """Fails when half of it is there."""

    def make(place: Path) -> None:
        write_tiny_data(place / "chest_xray")
        raise error

    return make


@pytest.mark.parametrize(
    "archive",
    [kaggles_archive, only_the_nested_copy, write_tiny_data],
    ids=["as it is", "nested only", "without a folder"],
)
def test_it_is_found_afterwards(folder, serve, archive):
    asked = serve(archive)
    path = download_chest_xray(folder)
    assert asked == ["paultimothymooney/chest-xray-pneumonia"]
    assert path == find_dataset("chest_xray") == folder / "chest_xray"
    splits = load_dataset("chest_xray").splits
    for split, count in TINY_COUNTS.items():
        assert splits[split].counts() == {"normal": count, "pneumonia": count}
    assert [item.name for item in folder.iterdir()] == ["chest_xray"]
    assert {item.name for item in path.iterdir()} == {"train", "val", "test"}, "once, no waste"


def test_the_real_data_has_as_many_images_as_are_asked_for():
    splits = real_dataset("chest_xray").splits
    found = {name: tuple(split.counts().values()) for name, split in splits.items()}
    assert found == COUNTS
    assert [sum(counts) for counts in COUNTS.values()] == [5216, 16, 624]


def test_without_kagglehub_it_says_how_to_get_either(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(DataError) as caught:
        download_chest_xray(folder)
    assert str(caught.value) == (
        "The download needs kagglehub: pip install 'kagglehub>=0.4.3', or get the data from "
        "https://www.kaggle.com/datasets/paultimothymooney/chest-xray-pneumonia and unpack it, "
        f"so that {folder / 'chest_xray' / 'train' / 'NORMAL'} exists."
    )
    assert not folder.exists()


class ConnectionError(OSError):  # noqa: A001
    """As of requests: without a number."""


class ReadTimeout(ConnectionError):  # noqa: N818
    pass


REFUSED = "403 Client Error.\n\nYou don't have permission to access resource at URL: http://x. "


@pytest.mark.parametrize(
    ("error", "start"),
    [
        (ConnectionError("HTTPSConnectionPool(host='x'): Max retries"), "Kaggle cannot be reached"),
        (ReadTimeout("timed out"), "Kaggle cannot be reached"),
        (ConnectionResetError(errno.ECONNRESET, "reset"), "Kaggle cannot be reached"),
        (
            OSError(REFUSED),
            "Kaggle's download failed (403 Client Error. You don't have permission to access "
            "resource at URL: http://x)",
        ),
        (RuntimeError(), "Kaggle's download failed (RuntimeError)"),
        (ValueError("word " * 500), f"Kaggle's download failed ({'word ' * 31}…)"),
    ],
)
def test_a_failed_download_is_a_sentence_and_leaves_nothing(folder, serve, error, start):
    serve(_failing(error))
    with pytest.raises(DataError) as caught:
        download_chest_xray(folder)
    place = folder / "chest_xray" / "train" / "NORMAL"
    expected = f"{start}: get the data from {PAGE} and unpack it, so that {place} exists."
    assert str(caught.value) == expected
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()]
)
def test_a_full_disk_or_ctrl_c_leaves_nothing(folder, serve, error):
    serve(_failing(error))
    with pytest.raises(type(error)):
        download_chest_xray(folder)
    assert list(folder.iterdir()) == []


def _without_one(place: Path) -> None:
    kaggles_archive(place)
    for copy in ("chest_xray", "chest_xray/chest_xray"):
        next((place / copy / "test" / "PNEUMONIA").glob("*.png")).unlink()


@pytest.mark.parametrize(("archive", "found"), [(_without_one, 111), (Path.mkdir, 0)])
def test_an_incomplete_archive_is_refused(folder, serve, archive, found):
    serve(archive)
    with pytest.raises(DataError) as caught:
        download_chest_xray(folder)
    assert str(caught.value).startswith(
        f"What came from Kaggle is not the complete data set, {found} images in place of 112: "
        f"try again later, or get the data from {PAGE} and unpack it"
    )
    assert list(folder.iterdir()) == []


def test_what_is_there_is_left_alone(folder, serve):
    asked = serve(kaggles_archive)
    (folder / "chest_xray").mkdir(parents=True)
    (folder / "chest_xray" / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(DataError, match="is there, but is not the data set: move it away first"):
        download_chest_xray(folder)
    assert asked == []
    assert (folder / "chest_xray" / "notes.txt").read_text(encoding="utf-8") == "mine"
