"""Data sets are found in order, are what they claim to be, or a sentence says what they are."""

import hashlib
import io
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pneumo_core import datasets
from pneumo_core.datasets import (
    MEDMNIST_FILES,
    data_folders,
    download_dataset,
    find_dataset,
    load_dataset,
)
from pneumo_core.errors import DataError
from pneumo_core.files import PROJECT_FOLDER
from pneumo_core.preprocess import Preprocess
from tests.conftest import TINY_COUNTS, real_dataset


def write_npz(path: Path, train: tuple[int, int], val=(3, 5), test=(4, 6), size: int = 28) -> Path:
    """A file in MedMNIST's shape; every image is black but for a pixel that tells its place."""
    arrays = {}
    for split, (normal, pneumonia) in {"train": train, "val": val, "test": test}.items():
        labels = np.repeat(np.array([0, 1], np.uint8), [normal, pneumonia])
        images = np.zeros((len(labels), size, size), np.uint8)
        images[:, 0, 0] = np.arange(len(labels)) % 251
        arrays |= {f"{split}_images": images, f"{split}_labels": labels[:, None]}
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **arrays)
    return path


@pytest.fixture(scope="module")
def imbalanced(tmp_path_factory) -> Path:
    """A file with as many training labels as the imbalanced variant."""
    folder = tmp_path_factory.mktemp("imbalanced")
    return write_npz(folder / "pneumoniamnist_imbalanced.npz", (388, 3494))


@pytest.fixture
def places(tmp_path, monkeypatch) -> list[Path]:
    """The folders that are searched, in order, all of them empty."""
    home, checkout, work = (tmp_path / name for name in ("home", "code/main", "work"))
    for folder in (home, checkout, work):
        folder.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv("PNEUMO_DATA", str(tmp_path / "named"))
    monkeypatch.setattr(datasets, "PROJECT_FOLDER", checkout)
    monkeypatch.chdir(work)
    folders = [
        tmp_path / "named",
        work / "data",
        tmp_path / "code" / "shared" / "data",
        home / ".medmnist",
    ]
    for folder in folders:
        folder.mkdir(parents=True)
    return folders


def test_looking_for_data_does_not_load_torch():
    script = (
        "import sys, pneumo_core.datasets as d; d.data_folders(); print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=PROJECT_FOLDER,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False\n"


# Where data is found


def test_folders_are_searched_in_order(places):
    assert [folder.resolve() for folder in data_folders()] == places
    for folder in reversed(places):
        (folder / "pneumoniamnist.npz").touch()
        assert find_dataset().resolve() == folder / "pneumoniamnist.npz"


def test_a_folder_of_classes_is_found_in_the_same_order(places, tiny_data):
    for folder in reversed(places):
        shutil.copytree(tiny_data / "chest_xray", folder / "chest_xray")
        assert find_dataset("chest_xray").resolve() == folder / "chest_xray"


def test_without_the_variable_the_search_starts_at_data(places, monkeypatch):
    monkeypatch.delenv("PNEUMO_DATA")
    assert [folder.resolve() for folder in data_folders()] == places[1:]


def test_the_variable_may_start_at_home(places, monkeypatch):
    monkeypatch.setenv("PNEUMO_DATA", "~/.medmnist")
    assert data_folders()[0] == places[3]


def test_half_a_class_folder_is_not_the_data_set(places, tiny_data):
    shutil.copytree(tiny_data / "chest_xray", places[0] / "chest_xray")
    shutil.rmtree(places[0] / "chest_xray" / "val")
    with pytest.raises(DataError, match="chest_xray was not found"):
        find_dataset("chest_xray")


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("pneumoniamnist", "put pneumoniamnist.npz from medmnist.com into ./data"),
        ("chest_xray", "from Kaggle and unpack it into ./data"),
    ],
)
@pytest.mark.usefixtures("places")
def test_data_that_is_nowhere_says_what_to_do(name, advice):
    with pytest.raises(DataError) as error:
        find_dataset(name)
    assert str(error.value).startswith(f"The data set {name} was not found: ")
    assert advice in str(error.value)
    assert str(error.value).endswith("or name its place with --data or PNEUMO_DATA.")


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(DataError, match=r"'mnist': choose one of pneumoniamnist, .*chest_xray\."):
        load_dataset("mnist")


def test_named_data_comes_before_every_folder(places, tmp_path, imbalanced):
    (places[0] / imbalanced.name).touch()
    mine = shutil.copy(imbalanced, tmp_path / "mine.npz")
    assert find_dataset("pneumoniamnist_imbalanced", mine) == mine
    assert find_dataset("pneumoniamnist_imbalanced", str(imbalanced.parent)) == imbalanced


def test_a_class_folder_can_be_named_itself_or_by_what_holds_it(tiny_data):
    place = tiny_data / "chest_xray"
    assert find_dataset("chest_xray", place) == place
    assert find_dataset("chest_xray", tiny_data) == place


@pytest.mark.parametrize("name", ["pneumoniamnist", "chest_xray"])
def test_a_wrong_place_is_not_made_up_for_elsewhere(name, places, tiny_data, tmp_path):
    (places[0] / "pneumoniamnist.npz").touch()
    shutil.copytree(tiny_data / "chest_xray", places[0] / "chest_xray")
    wanted = "chest_xray" if name == "chest_xray" else "pneumoniamnist.npz"
    with pytest.raises(DataError) as error:
        find_dataset(name, tmp_path / "elsewhere")
    expected = f"{tmp_path / 'elsewhere'} is not {name} and holds no {wanted}: check --data."
    assert str(error.value) == expected


# MedMNIST's files


def test_other_content_in_medmnists_shape_is_named_with_its_counts(tmp_path):
    path = write_npz(tmp_path / "pneumoniamnist.npz", (12, 34))
    with pytest.raises(DataError) as error:
        load_dataset("pneumoniamnist", path)
    md5 = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    assert str(error.value) == (
        f"{path} is not PneumoniaMNIST (28 px): it has 12 normal and 34 pneumonia training images "
        f"and MD5 {md5}. Download it again from medmnist.com."
    )


def test_the_right_counts_do_not_make_up_for_the_wrong_content(tmp_path):
    path = write_npz(tmp_path / "pneumoniamnist.npz", (1214, 3494))
    with pytest.raises(DataError, match="it has 1214 normal and 3494 pneumonia training images"):
        load_dataset("pneumoniamnist", path)


def test_the_imbalanced_variant_is_refused_under_another_name(imbalanced):
    with pytest.raises(DataError) as error:
        load_dataset("pneumoniamnist", imbalanced)
    assert str(error.value) == (
        f"{imbalanced} is PneumoniaMNIST (28 px, imbalanced variant), not PneumoniaMNIST (28 px): "
        "ask for it by its name, --set data=pneumoniamnist_imbalanced, or replace the file."
    )


def test_the_imbalanced_variant_loads_by_its_own_name(imbalanced):
    found = load_dataset("pneumoniamnist_imbalanced", imbalanced)
    assert found.name == "pneumoniamnist_imbalanced"
    assert found.title == "PneumoniaMNIST (28 px, imbalanced variant)"
    assert found.path == imbalanced
    assert found.split_rule == "official"
    counts = {name: tuple(split.counts().values()) for name, split in found.splits.items()}
    assert counts == {"train": (388, 3494), "val": (3, 5), "test": (4, 6)}
    train = found.splits["train"]
    assert (train.ids[0], train.ids[-1]) == ("train-0000", "train-3881")
    assert train.labels.tolist() == [0] * 388 + [1] * 3494
    assert set(train.patients) == {""}
    image = train.read(7)
    assert image.dtype == np.float32
    assert image[0, 0] == np.float32(7) / np.float32(255)
    assert image.sum() == image[0, 0]


def test_an_official_file_under_another_name_is_named(tmp_path, monkeypatch):
    path = write_npz(tmp_path / "pneumoniamnist.npz", (2, 3), size=64)
    md5 = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    large = datasets.MedMnistFile("pneumoniamnist_64", 64, md5, (2, 3))
    monkeypatch.setitem(MEDMNIST_FILES, "pneumoniamnist_64", large)
    with pytest.raises(DataError, match=r"is PneumoniaMNIST \(64 px\), not .*\(28 px\): ask for"):
        load_dataset("pneumoniamnist", path)
    found = load_dataset("pneumoniamnist_64", path)
    assert found.fingerprint == f"md5:{md5}"
    assert found.splits["val"].read(2).shape == (64, 64)


@pytest.mark.parametrize("damage", ["empty", "cut", "text", "other arrays", "pickled"])
def test_a_damaged_file_is_a_sentence(tmp_path, imbalanced, damage):
    path = tmp_path / "pneumoniamnist_imbalanced.npz"
    content = imbalanced.read_bytes()
    packed = io.BytesIO()
    if damage == "other arrays":
        np.savez(packed, x=np.zeros(3))
    if damage == "pickled":
        np.savez(packed, train_images=np.array([{"a": 1}], object))
    path.write_bytes(
        {"empty": b"", "cut": content[: len(content) // 2], "text": b"not found\n"}.get(
            damage, packed.getvalue()
        )
    )
    with pytest.raises(DataError) as error:
        load_dataset("pneumoniamnist_imbalanced", path)
    assert str(error.value) == f"{path} is damaged and cannot be read: download it again."


class Malice:
    """Unpickling this makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_code_in_a_file_is_not_run(tmp_path):
    path, trace = tmp_path / "pneumoniamnist_imbalanced.npz", tmp_path / "was here"
    np.savez(path, train_images=np.array([Malice(trace)], object))
    with pytest.raises(DataError, match="is damaged and cannot be read"):
        load_dataset("pneumoniamnist_imbalanced", path)
    assert not trace.exists()


@pytest.fixture
def known_patients(tmp_path, monkeypatch) -> Path:
    """A small file that passes for the official one, and a table of its patients beside it."""
    path = write_npz(tmp_path / "known" / "pneumoniamnist.npz", (30, 30), (2, 2), (1, 3))
    md5 = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    small = datasets.MedMnistFile("pneumoniamnist", 28, md5, (30, 30))
    monkeypatch.setitem(MEDMNIST_FILES, "pneumoniamnist", small)
    rows = ["split,index,source_file,patient,correlation"]
    rows += [f"train,{i},IM-{i // 2:04d}-0001.jpeg,x,0.99" for i in range(30)]
    rows += [f"train,{i},person{i // 2}_virus_{i}.jpeg,x,0.99" for i in range(30, 60)]
    rows += ["val,0,IM-0000-0002.jpeg,x,0.99", "val,1,,,0.7"]
    rows += ["val,2,person15_virus_99.jpeg,x,0.99", "val,3,person15_bacteria_99.jpeg,x,0.99"]
    rows += ["test,2,person1_bacteria_7.jpeg,x,0.98"]
    (path.parent / "pneumoniamnist_patients.csv").write_text("\n".join(rows) + "\n")
    return path


def test_the_table_tells_patients_and_kinds(known_patients):
    splits = load_dataset("pneumoniamnist", known_patients).splits
    assert splits["train"].patients[:3] == ("IM-0000", "IM-0000", "IM-0001")
    assert splits["train"].patients[30] == "person15_virus"
    assert splits["train"].groups == ("normal",) * 30 + ("virus",) * 30
    assert splits["val"].patients == ("IM-0000", "", "person15_virus", "person15_bacteria")
    assert splits["val"].groups == ("normal", "normal", "virus", "bacteria")
    assert splits["test"].patients == ("", "", "person1_bacteria", "")
    assert splits["test"].groups == ("normal", "", "bacteria", "")


def test_the_table_makes_a_split_by_patient(known_patients):
    found = load_dataset("pneumoniamnist", known_patients, "patient")
    train, val, test = (found.splits[name] for name in ("train", "val", "test"))
    assert found.split_rule == "patient"
    assert not (set(train.patients) - {""}) & set(val.patients)
    assert len(train) + len(val) == 64
    assert test.ids == tuple(f"test-{i:04d}" for i in range(4))
    # Files of train and val with the same pixel are copies; none is on both sides.
    values = [{float(side.read(i)[0, 0]) for i in range(len(side))} for side in (train, val)]
    assert not values[0] & values[1]


def test_the_table_may_lie_in_another_of_the_folders(known_patients, places):
    table = known_patients.parent / "pneumoniamnist_patients.csv"
    shutil.move(table, places[2] / table.name)
    assert load_dataset("pneumoniamnist", known_patients).splits["val"].patients[0] == "IM-0000"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "file,patient\nIM-0000-0001.jpeg,IM-0000\n",
        "split,index,source_file\ntrain,first,IM-0000-0001.jpeg\n",
    ],
)
def test_a_damaged_table_of_patients_is_a_sentence(known_patients, content):
    table = known_patients.parent / "pneumoniamnist_patients.csv"
    table.write_text(content)
    with pytest.raises(DataError) as error:
        load_dataset("pneumoniamnist", known_patients)
    assert str(error.value) == (
        f"{table} is no table of patients with the columns split, index, source_file: restore it, "
        "or delete it."
    )


def test_a_table_of_bare_numbers_names_no_patient(known_patients):
    table = known_patients.parent / "pneumoniamnist_patients.csv"
    table.write_text("split,index,source_file\ntrain,0,17\n")
    assert load_dataset("pneumoniamnist", known_patients).splits["train"].patients[0] == ""


@pytest.mark.usefixtures("places")
def test_without_the_table_the_published_split_by_patient_is_taken(known_patients, monkeypatch):
    (known_patients.parent / "pneumoniamnist_patients.csv").unlink()
    assert set(load_dataset("pneumoniamnist", known_patients).splits["train"].patients) == {""}
    listed = known_patients.parent / "val.txt"
    listed.write_text("train-0007\nval-0002\n")
    monkeypatch.setattr(datasets, "VAL_BY_PATIENT", listed)
    found = load_dataset("pneumoniamnist", known_patients, "patient")
    assert found.split_rule == "patient"
    assert found.splits["val"].ids == ("train-0007", "val-0002")
    assert len(found.splits["train"]) == 62
    official = load_dataset("pneumoniamnist", known_patients)
    assert np.array_equal(found.splits["val"].read(1), official.splits["val"].read(2))


def test_the_table_does_not_speak_of_the_imbalanced_training_images(known_patients, imbalanced):
    path = shutil.copy(imbalanced, known_patients.parent)
    splits = load_dataset("pneumoniamnist_imbalanced", path).splits
    assert set(splits["train"].patients) == {""}
    assert splits["val"].patients[2] == "person15_virus"
    with pytest.raises(DataError, match="use --split official"):
        load_dataset("pneumoniamnist_imbalanced", path, "patient")


# Class folders


def test_a_class_folder_is_read_in_order(tiny_data):
    found = load_dataset("chest_xray", tiny_data)
    for name, count in TINY_COUNTS.items():
        split = found.splits[name]
        assert split.counts() == {"normal": count, "pneumonia": count}
        assert list(split.ids) == sorted(split.ids)
        assert split.labels.tolist() == [0] * count + [1] * count
    test = found.splits["test"]
    assert test.ids[1] == "test/NORMAL/IM-0900-0001.png"
    assert test.ids[-1].startswith("test/PNEUMONIA/person")
    assert test.patients[1] == "IM-0900"
    assert set(test.groups) == {"normal", "bacteria", "virus"}
    with Image.open(found.path / test.ids[5]) as film:
        expected = np.asarray(film, np.float32) / np.float32(255)
    assert np.array_equal(test.read(5), expected)


def test_the_tiny_data_set_has_no_patient_on_both_sides(tiny_dataset):
    train, val = tiny_dataset.splits["train"], tiny_dataset.splits["val"]
    assert not set(train.patients) & set(val.patients)
    assert len(train) + len(val) == 88
    assert 8 <= len(val) <= 10
    assert tiny_dataset.split_rule == "patient"


@pytest.fixture
def folder(tmp_path, tiny_data) -> Path:
    """A copy of the tiny class folder that may be changed."""
    return Path(shutil.copytree(tiny_data / "chest_xray", tmp_path / "chest_xray"))


def test_hidden_and_other_files_are_passed_over(folder, tiny_data):
    place = folder / "train" / "NORMAL"
    for name in (".DS_Store", "._IM-0000-0000.png", "Thumbs.db", "readme.txt", ".hidden.jpeg"):
        (place / name).write_bytes(b"no film")
    expected = load_dataset("chest_xray", tiny_data)
    assert load_dataset("chest_xray", folder).splits["train"].ids == expected.splits["train"].ids
    assert load_dataset("chest_xray", folder).fingerprint == expected.fingerprint


@pytest.mark.parametrize("suffix", ["JPEG", "jpg", "PNG", "tif", "tiff"])
def test_every_kind_of_image_file_is_taken(folder, suffix):
    film = Image.fromarray(np.full((30, 40), 100, np.uint8))
    film.save(folder / "test" / "NORMAL" / f"a_new_film.{suffix}")
    test = load_dataset("chest_xray", folder).splits["test"]
    position = test.ids.index(f"test/NORMAL/a_new_film.{suffix}")
    assert test.labels[position] == 0
    assert test.read(position) == pytest.approx(np.full((30, 40), 100 / 255))


@pytest.mark.parametrize("how", ["emptied", "removed"])
def test_an_empty_class_is_a_sentence(folder, how):
    place = folder / "val" / "PNEUMONIA"
    shutil.rmtree(place)
    if how == "emptied":
        place.mkdir()
    with pytest.raises(DataError) as error:
        load_dataset("chest_xray", folder)
    assert str(error.value) == (
        f"{folder / 'val'} needs images in both NORMAL and PNEUMONIA; unpack the data set again."
    )


def test_films_of_no_known_patient_are_not_split_by_patient(folder):
    films = [film for split in ("train", "val") for film in (folder / split).glob("*/*.png")]
    for number, film in enumerate(films):
        film.rename(film.with_name(f"film{number}.png"))
    with pytest.raises(DataError) as error:
        load_dataset("chest_xray", folder, "patient")
    assert str(error.value) == (
        f"The patients of the films in {folder} are not known: use --split official."
    )
    films[0].with_name("film0.png").rename(films[0])
    assert load_dataset("chest_xray", folder, "patient").split_rule == "patient"


def test_a_damaged_film_is_named(folder):
    film = folder / "train" / "NORMAL" / "IM-0000-0000.png"
    film.write_bytes(b"no picture")
    train = load_dataset("chest_xray", folder).splits["train"]
    with pytest.raises(DataError) as error:
        train.read(train.ids.index("train/NORMAL/IM-0000-0000.png"))
    assert str(error.value).startswith(f"{film} cannot be read: The contents of this file are of ")


def test_the_fingerprint_follows_names_and_sizes(folder, tiny_data):
    before = load_dataset("chest_xray", tiny_data).fingerprint
    assert before.startswith("files:")
    assert load_dataset("chest_xray", folder, "patient").fingerprint == before
    film = folder / "train" / "NORMAL" / "IM-0000-0000.png"
    film.write_bytes(film.read_bytes() + b"\0")
    longer = load_dataset("chest_xray", folder).fingerprint
    film.rename(film.with_name("IM-0000-0009.png"))
    renamed = load_dataset("chest_xray", folder).fingerprint
    assert len({before, longer, renamed}) == 3


def test_an_image_is_found_by_its_id_whatever_the_split(tiny_data, tiny_dataset):
    official = load_dataset("chest_xray", tiny_data)
    for image_id in ("val/NORMAL/IM-0500-0000.png", "test/NORMAL/IM-0902-0003.png"):
        with Image.open(official.path / image_id) as film:
            expected = np.asarray(film, np.float32) / np.float32(255)
        assert np.array_equal(official.find(image_id), expected)
        assert np.array_equal(tiny_dataset.find(image_id), expected)


def test_an_id_that_is_not_there_is_a_sentence(tiny_dataset):
    with pytest.raises(DataError, match=r"Kermany chest X-rays has no image 'test-0007'\."):
        tiny_dataset.find("test-0007")


# Download


@pytest.mark.parametrize(
    ("name", "error", "reason"),
    [
        ("pneumoniamnist", urllib.error.URLError("no route to host"), "no route to host"),
        ("pneumoniamnist", TimeoutError("timed out"), "timed out"),
        (
            "pneumoniamnist_224",
            urllib.error.HTTPError("http://x", 404, "Not Found", None, None),
            "Not Found",
        ),
    ],
)
def test_a_failed_download_says_what_to_do_by_hand(places, monkeypatch, name, error, reason):
    def fail(*_args, **_kwargs):
        raise error

    monkeypatch.setattr(urllib.request, "urlopen", fail)
    with pytest.raises(DataError) as caught:
        download_dataset(name)
    assert str(caught.value) == (
        f"The download failed ({reason}). Get "
        f"https://zenodo.org/records/10519652/files/{name}.npz?download=1 "
        "in a browser and put the file into ./data."
    )
    assert list(places[3].iterdir()) == []


def test_a_download_with_other_content_is_refused(places, monkeypatch):
    class Answer(io.BytesIO):
        headers = {"Content-Length": "9"}  # noqa: RUF012

    monkeypatch.setattr(urllib.request, "urlopen", lambda *_a, **_k: Answer(b"log in to"))
    with pytest.raises(DataError, match=r"failed \(what arrived has the wrong MD5\)\. Get https:"):
        download_dataset()
    assert list(places[3].iterdir()) == []


def test_a_download_is_found_afterwards(places, monkeypatch):
    content = write_npz(places[0] / "made.npz", (2, 2)).read_bytes()
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    small = datasets.MedMnistFile("pneumoniamnist", 28, md5, (2, 2))
    monkeypatch.setitem(MEDMNIST_FILES, "pneumoniamnist", small)
    shares = []

    class Answer(io.BytesIO):
        headers = {"Content-Length": str(len(content))}  # noqa: RUF012

    monkeypatch.setattr(urllib.request, "urlopen", lambda *_a, **_k: Answer(content))
    path = download_dataset(progress=shares.append)
    assert path == find_dataset() == places[3] / "pneumoniamnist.npz"
    assert shares[-1] == 1.0
    assert load_dataset().splits["train"].counts() == {"normal": 2, "pneumonia": 2}


@pytest.mark.parametrize("name", ["pneumoniamnist_imbalanced", "chest_xray"])
def test_what_medmnist_does_not_have_cannot_be_downloaded(name):
    with pytest.raises(DataError, match=f"{name} cannot be downloaded from MedMNIST"):
        download_dataset(name)


def test_sums_and_sizes_are_those_medmnist_publishes():
    from medmnist.info import INFO

    published = INFO["pneumoniamnist"]
    for name, suffix in (("", ""), ("_64", "_64"), ("_128", "_128"), ("_224", "_224")):
        assert MEDMNIST_FILES[f"pneumoniamnist{name}"].md5 == published[f"MD5{suffix}"]
    assert sum(MEDMNIST_FILES["pneumoniamnist"].train_counts) == published["n_samples"]["train"]


# Real data


def test_the_official_file_is_what_it_claims():
    found = real_dataset("pneumoniamnist")
    assert found.fingerprint == "md5:28209eda62fecd6e6a2d98b1501bb15f"
    counts = {name: tuple(split.counts().values()) for name, split in found.splits.items()}
    assert counts == {"train": (1214, 3494), "val": (135, 389), "test": (234, 390)}
    with np.load(found.path) as archive:
        for name, split in found.splits.items():
            squares = split.squares(Preprocess(28))
            assert np.array_equal(squares, archive[f"{name}_images"])
            assert np.array_equal(split.labels, archive[f"{name}_labels"].ravel())


def test_the_patients_in_the_table_are_those_of_the_file_names():
    import pandas as pd

    found = real_dataset("pneumoniamnist")
    table = found.path.parent / "pneumoniamnist_patients.csv"
    if not table.is_file():
        pytest.skip("needs the table of patients")
    rows = pd.read_csv(table).dropna(subset="source_file")
    assert len(rows) == 4707 + 524 + 557
    for row in rows.itertuples():
        assert found.splits[row.split].patients[row[2]] == row.patient
    assert set(found.splits["train"].groups) == {"normal", "bacteria", "virus", ""}


def test_the_real_imbalanced_file_is_named_for_what_it_is():
    found = real_dataset("pneumoniamnist_imbalanced")
    assert found.splits["train"].counts() == {"normal": 388, "pneumonia": 3494}
    assert found.splits["test"].counts() == {"normal": 234, "pneumonia": 390}
    with pytest.raises(DataError, match="imbalanced variant"):
        load_dataset("pneumoniamnist", found.path)


def test_the_real_folder_has_kaggles_counts():
    found = real_dataset("chest_xray")
    counts = {name: tuple(split.counts().values()) for name, split in found.splits.items()}
    assert counts == {"train": (1341, 3875), "val": (8, 8), "test": (234, 390)}
    assert "" not in found.splits["train"].patients
