"""The contact sheet: its pixels are those that training feeds the network."""

import errno
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from pneumo_core import preview, training
from pneumo_core.augment import Augmentation
from pneumo_core.datasets import Dataset
from pneumo_core.errors import RecipeError
from pneumo_core.preview import contact_sheet, has_augmentation, write_contact_sheet
from pneumo_core.recipe import Phase, Recipe

FIELDS = {
    "name": "x",
    "title": "A recipe",
    "data": "chest_xray",
    "model": {"architecture": "cnn", "channels": 1, "stem": "small"},
    "preprocess": {"input_size": 32, "source_size": 28, "mean": [0.4], "std": [0.2]},
    "augmentation": {"rotate": 20, "flip": 0.5, "noise": 0.1},
    "phases": [{"epochs": 1, "lr": 0.001}],
}
BRIGHT = {"brightness": 0.3}


def recipe_with(phases: Sequence[dict] = ({},), **changes) -> Recipe:
    lead = {"epochs": 1, "lr": 0.001}
    return Recipe.from_json(
        {**FIELDS, "phases": [{**lead, **phase} for phase in phases], **changes}
    )


def cells(sheet: Image.Image, rows: int, columns: int, size: int) -> list[np.ndarray]:
    """The pictures of each block of `rows` x `columns`, from the top: (rows, columns, S, S).

    Found by their place, beside the rows' names; lengths grow with the cells.
    """
    pixels = np.asarray(sheet.convert("L"))
    cell = size * max(1, 128 // size)
    left = round(16 * cell / 128) + round(96 * cell / 128)
    step = cell + round(6 * cell / 128)
    # Text leaves some paper between letters, a picture does not.
    inked = (pixels[:, left : left + cell] != 255).mean(axis=1) > 0.9
    tops = np.flatnonzero(inked & ~np.roll(inked, 1))
    assert len(tops) % rows == 0, tops
    grid = [
        [pixels[top : top + cell, left + i * step :][:, :cell] for i in range(columns)]
        for top in tops
    ]
    found = np.array(grid)
    factor = cell // size
    small = found[:, :, ::factor, ::factor]
    assert np.array_equal(small.repeat(factor, axis=2).repeat(factor, axis=3), found), "enlarged"
    return list(small.reshape(-1, rows, columns, size, size))


def fed_in_training(recipe: Recipe, dataset: Dataset, tmp_path: Path, patch) -> torch.Tensor:
    """What `training.train` has the augmentation change in the first epoch, as greys of 8 bits."""
    seen = []
    unchanged = Augmentation.__call__

    def spy(self: Augmentation, images: torch.Tensor, *of_the_batch: Any) -> torch.Tensor:
        enlarged = of_the_batch[-1]
        seen.append(enlarged(images).clone())
        return unchanged(self, images, *of_the_batch)

    with patch.context() as spying:
        spying.setattr(Augmentation, "__call__", spy)
        training.train(recipe, dataset, seed=1, checkpoint=tmp_path / "x.pt")
    return (torch.cat(seen).squeeze(1) * 255).round().byte()


def test_plain_films_are_what_training_augments(tiny_dataset, tmp_path, monkeypatch):
    recipe = recipe_with()
    (block,) = cells(contact_sheet(recipe, tiny_dataset, seed=3), 6, 7, 32)
    fed = fed_in_training(recipe, tiny_dataset, tmp_path, monkeypatch)
    fed = {image.numpy().tobytes() for image in fed}
    assert len(fed) == len(tiny_dataset.splits["train"])
    assert {plain.tobytes() for plain in block[:, 0]} <= fed
    assert len({plain.tobytes() for plain in block[:, 0]}) == 6, "no film twice"


def test_views_are_the_augmentations_of_the_recipe(tiny_dataset):
    """Drawn one after the other from one generator, as training draws its batches."""
    recipe = recipe_with()
    (block,) = cells(contact_sheet(recipe, tiny_dataset, seed=3, images=4, views=3), 4, 4, 32)
    split = tiny_dataset.splits["train"]
    known = {
        (image * 255).round().byte().numpy().tobytes(): image
        for image in recipe.preprocess.resized(
            torch.from_numpy(split.squares(recipe.preprocess))
        ).squeeze(1)
    }
    plain = torch.stack([known[film.tobytes()] for film in block[:, 0]]).unsqueeze(1)
    generator = torch.Generator().manual_seed(3)
    for column in range(1, 4):
        view = recipe.augmentation(plain, generator).squeeze(1)
        assert np.array_equal(block[:, column], (view * 255).round().byte().numpy())
        assert np.abs(block[:, column].astype(int) - block[:, 0]).mean() > 3, "it shows"


def test_films_are_of_both_classes_and_of_training_alone(tiny_dataset, monkeypatch):
    """Only those that are shown are read."""
    read, rows = [], []

    def reader(position: int) -> np.ndarray:
        read.append(position)
        return tiny_dataset.splits["train"].read(position)

    def note(title: str, blocks: list[preview._Block]) -> Image.Image:
        rows.extend(blocks[0].rows)
        return drawn(title, blocks)

    drawn = preview._drawn
    monkeypatch.setattr(preview, "_drawn", note)
    train = replace(tiny_dataset.splits["train"], read=reader)
    contact_sheet(recipe_with(), replace(tiny_dataset, splits={"train": train}), images=5)
    assert rows == ["Normal"] * 3 + ["Pneumonia"] * 2
    assert train.labels[read].tolist() == [0, 0, 0, 1, 1]


def test_the_seed_decides(tiny_dataset):
    sheets = [contact_sheet(recipe_with(), tiny_dataset, seed=seed) for seed in (1, 1, 2)]
    assert sheets[0].tobytes() == sheets[1].tobytes()
    assert sheets[0].tobytes() != sheets[2].tobytes()


@pytest.mark.parametrize(("images", "shown"), [(10, 10), (500, 78)])
def test_there_are_as_many_films_as_asked_for_or_as_there_are(tiny_dataset, images, shown):
    sheet = contact_sheet(recipe_with(), tiny_dataset, images=images, views=1)
    (block,) = cells(sheet, shown, 2, 32)
    assert len({film.tobytes() for film in block[:, 0]}) == shown


@pytest.mark.parametrize("size", [28, 64, 100, 150])
@pytest.mark.parametrize("contrast", [{}, {"equalise": "histogram", "sharpen": 1}])
def test_films_are_shown_as_preprocessed_and_enlarged_pixel_by_pixel(tiny_dataset, size, contrast):
    preprocess = {"input_size": size, "mean": [0.4], "std": [0.2], **contrast}
    recipe = recipe_with(preprocess=preprocess, augmentation={})
    (block,) = cells(contact_sheet(recipe, tiny_dataset, images=4), 1, 4, size)
    squares = tiny_dataset.splits["train"].squares(recipe.preprocess)
    assert {film.tobytes() for film in block[0]} <= {square.tobytes() for square in squares}


def headings(recipe: Recipe, dataset: Dataset, patch: pytest.MonkeyPatch) -> list[str]:
    found = []

    def note(_: str, blocks: list[preview._Block]) -> Image.Image:
        found.extend(block.heading for block in blocks)
        return Image.new("RGB", (1, 1))

    with patch.context() as noting:
        noting.setattr(preview, "_drawn", note)
        contact_sheet(recipe, dataset)
    return found


@pytest.mark.parametrize(
    ("phases", "expected"),
    [
        ([{}], ["32 x 32 pixels, rotate 20, flip 0.5, noise 0.1"]),
        ([{}, {}], ["32 x 32 pixels, rotate 20, flip 0.5, noise 0.1"]),
        (
            [{}, {"augmentation": BRIGHT}, {}],
            [
                "Phase 1 and 3: 32 x 32 pixels, rotate 20, flip 0.5, noise 0.1",
                "Phase 2: 32 x 32 pixels, brightness 0.3",
            ],
        ),
        (
            [{"augmentation": {}}, {"augmentation": BRIGHT}],
            [
                "Phase 1: 32 x 32 pixels, without augmentation: every epoch shows the plain films",
                "Phase 2: 32 x 32 pixels, brightness 0.3",
            ],
        ),
        (
            [{"augmentation": BRIGHT, "input_size": 16}, {"augmentation": BRIGHT}],
            ["Phase 1: 16 x 16 pixels, brightness 0.3", "Phase 2: 32 x 32 pixels, brightness 0.3"],
        ),
    ],
)
def test_phases_that_differ_have_a_block_each(tiny_dataset, monkeypatch, phases, expected):
    assert headings(recipe_with(phases), tiny_dataset, monkeypatch) == expected


def test_blocks_show_the_same_films_under_the_same_draws(tiny_dataset):
    twice = [{"augmentation": {"rotate": 20}}, {"augmentation": {"rotate": 20, "flip": 1}}]
    straight, mirrored = cells(contact_sheet(recipe_with(twice), tiny_dataset), 6, 7, 32)
    assert np.array_equal(straight[:, 0], mirrored[:, 0])
    assert not np.array_equal(straight[:, 1], mirrored[:, 1])


def test_a_recipe_without_augmentation_is_one_row_of_plain_films(tiny_dataset, monkeypatch):
    recipe = recipe_with(augmentation={})
    assert headings(recipe, tiny_dataset, monkeypatch) == [
        "32 x 32 pixels, without augmentation: every epoch shows the plain films"
    ]
    (block,) = cells(contact_sheet(recipe, tiny_dataset), 1, 6, 32)
    (varied,) = cells(contact_sheet(recipe_with(), tiny_dataset), 6, 7, 32)
    assert np.array_equal(block[0], varied[:, 0])


def test_whether_a_recipe_has_augmentation():
    nothing = recipe_with(augmentation={})
    assert not has_augmentation(nothing)
    assert has_augmentation(recipe_with())
    assert has_augmentation(recipe_with([{}, {"augmentation": BRIGHT}], augmentation={}))
    assert not has_augmentation(recipe_with([{"augmentation": {}}]))
    assert has_augmentation(
        replace(nothing, phases=(Phase(1, 1, augmentation=Augmentation(blur=1)),))
    )


def test_long_headings_are_broken_within_the_sheet(tiny_dataset):
    every = {name: type(value)(0.5) for name, value in vars(Augmentation()).items()}
    recipe = recipe_with(augmentation=every, title="word " * 60)
    sheet = contact_sheet(recipe, tiny_dataset, images=2, views=1)
    narrow = contact_sheet(recipe_with(), tiny_dataset, images=2, views=1)
    assert sheet.width == narrow.width == 640
    assert sheet.height > narrow.height + 60
    edge = np.asarray(sheet.convert("L"))[:, -16:]
    assert (edge == 255).all(), "nothing runs out of the sheet"


# As a file


def test_the_file_is_the_sheet(tiny_dataset, tmp_path):
    path = tmp_path / "sheet.png"
    write_contact_sheet(path, recipe_with(), tiny_dataset, seed=5)
    with Image.open(path) as written:
        assert written.format == "PNG"
        assert written.tobytes() == contact_sheet(recipe_with(), tiny_dataset, seed=5).tobytes()
    assert [item.name for item in tmp_path.iterdir()] == ["sheet.png"]


def test_an_old_file_stays_if_the_new_one_fails(tiny_dataset, tmp_path, monkeypatch):
    path = tmp_path / "sheet.png"
    path.write_bytes(b"old")

    def fail(_: Image.Image, place: Path, **__: str) -> None:
        Path(place).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(RecipeError, match=r"cannot be written \(No space left on device\): name "):
        write_contact_sheet(path, recipe_with(), tiny_dataset)
    assert [item.read_bytes() for item in tmp_path.iterdir()] == [b"old"]


def test_other_formats_and_places_that_are_not_there_are_sentences(tiny_dataset, tmp_path):
    with pytest.raises(RecipeError, match=r"a PNG picture: name it sheet\.jpg\.png or alike"):
        write_contact_sheet(tmp_path / "sheet.jpg", recipe_with(), tiny_dataset)
    with pytest.raises(RecipeError, match=r"cannot be written \(No such file or directory\)"):
        write_contact_sheet(tmp_path / "no" / "sheet.png", recipe_with(), tiny_dataset)
    assert list(tmp_path.iterdir()) == []
