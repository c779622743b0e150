"""The augmentation preview: a contact sheet of what a recipe shows the network in training.

The pictures come from the code that training runs, `Preprocess.square`, `Preprocess.resized` and
the phase's `Augmentation`. What follows in training only shifts and scales all greys alike.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from pneumo_core import CLASS_NAMES
from pneumo_core.augment import Augmentation
from pneumo_core.datasets import Dataset
from pneumo_core.errors import RecipeError
from pneumo_core.files import written_whole
from pneumo_core.mixup import kept_shares, mixed, opposite
from pneumo_core.plots import ATTRIBUTION
from pneumo_core.recipe import Recipe

CELL = 128
"""Pixels that a picture is enlarged to at most; one that is larger is shown as it is."""
GAP, MARGIN, GUTTER, NARROWEST = 6, 16, 96, 640
TEXT, HEADING, LEADING = 14, 17, 1.4
"""All in pixels beside cells of `CELL`, the last in lines; they grow with larger cells."""
INK, PAPER = "#1a1a1a", "#ffffff"
PLAIN = Augmentation()


@dataclass(frozen=True)
class _Block:
    """Phases that show the same, and their pictures: uint8 (rows, columns, S, S)."""

    heading: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    pictures: np.ndarray


def contact_sheet(
    recipe: Recipe, dataset: Dataset, *, seed: int = 0, images: int = 6, views: int = 6
) -> Image.Image:
    """Draw training images as the network gets them: plain, and as the augmentation changes them.

    A row an image, normal ones first; the first column is the plain film after preprocessing.
    Phases that differ in augmentation or input size have a block each; one without augmentation
    is a single row of plain films. Every pixel of the network's input is a square of whole pixels
    on the sheet.

    Args:
        recipe: Its preprocessing and augmentation are shown.
        dataset: Only its "train" split is read, and only the images that are shown.
        seed: Of the choice of images and of the augmentation: the same seed, the same sheet.
        images: How many films; half of them of each class, as far as there are as many.
        views: Augmented views of each.

    Returns:
        An RGB picture.
    """
    positions = _chosen(dataset, seed, images)
    split = dataset.splits["train"].subset(positions)
    squares = torch.from_numpy(split.squares(recipe.preprocess))
    names = tuple(CLASS_NAMES[label] for label in split.labels)
    blocks = [_block(recipe, numbers, squares, names, seed, views) for numbers in _alike(recipe)]
    return _drawn(f"{recipe.title}: what the network is shown in training", blocks)


def write_contact_sheet(path: Path, recipe: Recipe, dataset: Dataset, *, seed: int = 0) -> None:
    """Write `contact_sheet` as a PNG file, whole or not at all.

    Raises:
        RecipeError: If the file is not called .png, or cannot be written.
    """
    if path.suffix.lower() != ".png":
        raise RecipeError(f"The preview is a PNG picture: name it {path.name}.png or alike.")
    sheet = contact_sheet(recipe, dataset, seed=seed)
    try:
        with written_whole(path) as temporary:
            sheet.save(temporary, format="PNG")
    except OSError as error:
        raise RecipeError(
            f"The preview cannot be written ({error.strerror or error}): "
            f"name another place than {path}."
        ) from error


def has_augmentation(recipe: Recipe) -> bool:
    """Whether any phase of a recipe changes its training images."""
    return any(_augmentation(recipe, number) != PLAIN for number in range(len(recipe.phases)))


def _chosen(dataset: Dataset, seed: int, images: int) -> list[int]:
    """Positions in the train split, drawn from both classes, normal ones first."""
    rng = np.random.default_rng(seed)
    labels = dataset.splits["train"].labels
    chosen: list[int] = []
    for label, count in ((0, (images + 1) // 2), (1, images // 2)):
        positions = np.flatnonzero(labels == label)
        drawn = rng.choice(positions, min(count, len(positions)), replace=False)
        chosen += sorted(drawn.tolist())
    return chosen


def _augmentation(recipe: Recipe, number: int) -> Augmentation:
    return recipe.phases[number].augmentation or recipe.augmentation


def _alike(recipe: Recipe) -> list[list[int]]:
    """Numbers of phases, from 0, those together that show the network the same."""
    groups: dict[tuple[Augmentation, int], list[int]] = {}
    for number in range(len(recipe.phases)):
        key = _augmentation(recipe, number), recipe.preprocess_in(number).input_size
        groups.setdefault(key, []).append(number)
    return list(groups.values())


def _block(
    recipe: Recipe,
    numbers: list[int],
    squares: torch.Tensor,
    names: tuple[str, ...],
    seed: int,
    views: int,
) -> _Block:
    """Pictures of some phases that show the same; `names` are the films' classes."""
    augmentation = _augmentation(recipe, numbers[0])
    preprocess = recipe.preprocess_in(numbers[0])
    plain = preprocess.resized(squares)
    size = preprocess.input_size
    heading = f"{size} x {size} pixels, {_in_words(augmentation)}"
    if len(numbers) < len(recipe.phases):
        which = " and ".join(str(number + 1) for number in numbers)
        heading = f"Phase {which}: {heading}"
    if augmentation == PLAIN:
        return _Block(heading, ("Plain",), names, _greys(plain.transpose(0, 1)))
    # Anew for each block, so that phases can be compared on the same draws.
    generator = torch.Generator().manual_seed(seed)
    grey = preprocess.grey(squares)
    changed = []
    for kept in kept_shares(augmentation.mixup, views, seed):
        view = augmentation(grey, generator, enlarged=preprocess.enlarged)
        changed.append(mixed(view, opposite(view), kept))
    shown = torch.cat([plain, *changed], dim=1)
    columns = ("Plain", *(f"View {i + 1}" for i in range(views)))
    return _Block(heading, names, columns, _greys(shown))


def _greys(images: torch.Tensor) -> np.ndarray:
    return (images * 255).round().byte().numpy()


def _in_words(augmentation: Augmentation) -> str:
    said = ", ".join(augmentation.effects)
    return said or "without augmentation: every epoch shows the plain films"


def _drawn(title: str, blocks: list[_Block]) -> Image.Image:
    """Lay the blocks out below one another, under the title."""
    cells = [_enlarged(block.pictures.shape[-1]) for block in blocks]
    scale = max(cells) / CELL
    gap, margin, gutter, narrowest = (round(scale * x) for x in (GAP, MARGIN, GUTTER, NARROWEST))
    text, bold = (ImageFont.load_default(scale * size) for size in (TEXT, HEADING))
    line, high = (round(scale * LEADING * size) for size in (TEXT, HEADING))
    widths = [len(b.columns) * (cell + gap) for b, cell in zip(blocks, cells, strict=True)]
    width = max(narrowest, gutter + max(widths) + 2 * margin)
    titles = _wrapped(title, bold, width - 2 * margin)
    headings = [_wrapped(block.heading, text, width - 2 * margin) for block in blocks]
    height = 2 * margin + high * len(titles) + line
    for block, heading, cell in zip(blocks, headings, cells, strict=True):
        height += margin + line * (len(heading) + 1) + len(block.rows) * (cell + gap)

    sheet = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    top = margin
    for words in titles:
        draw.text((margin, top), words, INK, bold)
        top += high
    for block, heading, cell in zip(blocks, headings, cells, strict=True):
        top += margin
        for words in heading:
            draw.text((margin, top), words, INK, text)
            top += line
        lefts = [margin + gutter + i * (cell + gap) for i in range(len(block.columns))]
        for left, name in zip(lefts, block.columns, strict=True):
            draw.text((left, top), name, INK, text)
        top += line
        for name, pictures in zip(block.rows, block.pictures, strict=True):
            draw.text((margin, top), name, INK, text)
            for left, picture in zip(lefts, pictures, strict=True):
                enlarged = Image.fromarray(picture).resize((cell, cell), Image.Resampling.NEAREST)
                sheet.paste(enlarged, (left, top))
            top += cell + gap
    draw.text((margin, top), ATTRIBUTION, INK, text)
    return sheet


def _enlarged(size: int) -> int:
    """Side of a picture on the sheet: a multiple of its own, so that every pixel is alike."""
    return size * max(1, CELL // size)


def _wrapped(words: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """Break a line where it would be wider than `width` pixels."""
    lines = [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
