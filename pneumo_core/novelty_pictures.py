"""Pictures that are no chest X-rays, to try the novelty check on: none of them is in the project.

Some are drawn at random; others come with the libraries that are installed (scikit-learn,
scikit-image, matplotlib, pydicom) or lie in the `dicom` folder beside the data. Of each of those
the whole and several square parts are taken, so they are many pictures of few things.
"""

import gzip
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from pneumo_core.datasets import data_folders
from pneumo_core.images import GreyImage, read_image

PARTS = 8
"""Square parts of each picture that comes from a file, besides the whole of it."""

DRAWN = 100
"""Pictures of each kind that is drawn at random."""

# Package, folder within it, and files; of matplotlib's the MRI of a head is no ordinary picture.
_SKIMAGE, _SKLEARN = ("skimage", "data"), ("sklearn", "datasets/images")
_MATPLOTLIB = ("matplotlib", "mpl-data/sample_data")
_PYDICOM = ("pydicom", "data/test_files")
_FILES: Mapping[str, tuple[tuple[tuple[str, str], str], ...]] = {
    "Photographs": (
        (_SKLEARN, "china.jpg flower.jpg"),
        (_MATPLOTLIB, "grace_hopper.jpg Minduka_Present_Blue_Pack.png"),
        (
            _SKIMAGE,
            "astronaut.png camera.png chelsea.png coffee.png rocket.jpg motorcycle_left.png "
            "coins.png moon.png hubble_deep_field.jpg",
        ),
    ),
    "Textures, photographed": ((_SKIMAGE, "brick.png grass.png gravel.png ihc.png cell.png"),),
    "Text pages, scanned": ((_SKIMAGE, "page.png text.png"),),
    "Other body parts": (
        (_SKIMAGE, "retina.jpg microaneurysms.png phantom.png"),
        (_MATPLOTLIB, "s1045.ima.gz"),
        (
            _PYDICOM,
            "693_J2KI.dcm CT_small.dcm JPEG2000.dcm MR_small.dcm examples_overlay.dcm "
            "examples_jpeg2k.dcm examples_palette.dcm examples_rgb_color.dcm",
        ),
    ),
}
_BESIDE_DATA = ("CR-ModalitySequenceLUT_teeth.dcm", "examples_rgb_color_US.dcm")
"""Other body parts in the folder `dicom` of the data."""

_WORDS = (
    "patient",
    "cough",
    "and",
    "fever",
    "report",
    "chest",
    "no",
    "effusion",
    "12",
    "03",
    "2021",
)


@dataclass(frozen=True)
class Family:
    """Pictures of one kind.

    Attributes:
        title: Of the kind.
        pictures: Of it.
        things: Number of the file each is a part of, or of its own where each is drawn anew.
    """

    title: str
    pictures: tuple[GreyImage, ...]
    things: tuple[int, ...]


def families(seed: int) -> list[Family]:
    """Every kind of which there is a picture on this machine; the same for the same seed."""
    rng = np.random.default_rng(seed)
    found = []
    for title in _FILES:
        pictures, things = [], []
        for thing, array in enumerate(_arrays(title)):
            for part in _parts(array, rng):
                pictures.append(read_image(np.ascontiguousarray(part)))
                things.append(thing)
        if pictures:
            found.append(Family(title, tuple(pictures), tuple(things)))
    for title, draw in _DRAWERS.items():
        drawn = tuple(read_image(draw(rng)) for _ in range(DRAWN))
        found.append(Family(title, drawn, tuple(range(DRAWN))))
    return found


def _arrays(title: str) -> Iterator[np.ndarray]:
    """The pictures of a kind that are here, uint8 (H, W) or (H, W, 3)."""
    for (package, folder), names in _FILES[title]:
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            continue
        for name in names.split():
            yield from _array(Path(spec.origin).parent / folder / name)
    if title == "Other body parts":
        for folder in data_folders():
            if (folder / "dicom").is_dir():
                for name in _BESIDE_DATA:
                    yield from _array(folder / "dicom" / name)
                break


def _array(path: Path) -> Iterator[np.ndarray]:
    """The picture in a file; nothing where it is absent or cannot be decoded here."""
    try:
        if path.suffix == ".dcm":
            yield _dicom(path)
        elif path.suffix == ".gz":
            with gzip.open(path) as file:
                yield _stretched(np.frombuffer(file.read(), np.uint16).reshape(256, 256))
        else:
            with Image.open(path) as image:
                grey = image.mode in ("1", "L", "LA")
                yield np.asarray(image.convert("L" if grey else "RGB"))
    except Exception:  # which decoders are installed differs, and so does what they raise
        return


def _dicom(path: Path) -> np.ndarray:
    import pydicom

    content = pydicom.dcmread(path)
    pixels = content.pixel_array
    if content.get("PhotometricInterpretation") == "PALETTE COLOR":
        from pydicom.pixels import apply_color_lut

        pixels = apply_color_lut(pixels, content)
    if pixels.dtype == np.uint8 and pixels.ndim == 3:
        return pixels
    return _stretched(pixels)


def _stretched(pixels: np.ndarray) -> np.ndarray:
    """Numbers of any range as uint8, the outermost half percent cut off."""
    low, high = np.percentile(pixels, (0.5, 99.5))
    return ((pixels - low) / (high - low) * 255).clip(0, 255).astype(np.uint8)


def _parts(pixels: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """The whole, and square parts of a third of the short side or more, half of them flipped."""
    yield pixels
    height, width = pixels.shape[:2]
    for _ in range(PARTS):
        side = int(min(height, width) * rng.uniform(0.35, 1))
        top, left = rng.integers(0, height - side + 1), rng.integers(0, width - side + 1)
        part = pixels[top : top + side, left : left + side]
        yield part[:, ::-1] if rng.random() < 0.5 else part


def _texture(rng: np.random.Generator) -> np.ndarray:
    size = 256
    y, x = np.mgrid[:size, :size] / size
    kind, angle = rng.integers(5), rng.uniform(0, 2 * np.pi)
    along = x * np.cos(angle) + y * np.sin(angle)
    if kind == 0:  # noise with a power spectrum of 1 / f ** beta
        frequencies = np.hypot(*np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size)))
        frequencies[0, 0] = 1 / size
        spectrum = np.fft.fft2(rng.normal(size=(size, size)))
        values = np.fft.ifft2(spectrum / frequencies ** rng.uniform(0.25, 1.5)).real
        values = 0.5 + 0.2 * (values - values.mean()) / values.std()
    elif kind == 1:
        values = 0.5 + 0.5 * np.sin(2 * np.pi * rng.uniform(1, 20) * along)
    elif kind == 2:
        tiles = rng.integers(2, 16)
        values = (np.floor(x * tiles) + np.floor(y * tiles)) % 2
    elif kind == 3:  # cells around random points
        points = rng.random((rng.integers(5, 60), 2))
        distances = np.hypot(x[..., None] - points[:, 0], y[..., None] - points[:, 1])
        first, second = np.partition(distances, 1, axis=-1)[..., :2].transpose(2, 0, 1)
        values = (second - first) / (second - first).max()
    else:
        values = (along - along.min()) / np.ptp(along)
    return _bytes(values)


def _noise(rng: np.random.Generator) -> np.ndarray:
    size = int(rng.choice([28, 64, 224, 512]))
    kind = rng.integers(4)
    if kind == 0:
        return _bytes(rng.normal(0.5, rng.uniform(0.05, 0.3), (size, size)))
    if kind == 1:
        return _bytes(rng.random((size, size)))
    if kind == 2:
        return _bytes(rng.random((size, size)) < rng.uniform(0.1, 0.9))
    return _bytes(rng.exponential(0.3, (size, size)))


def _text(rng: np.random.Generator) -> np.ndarray:
    width, height = (int(side) for side in rng.integers(300, 900, 2))
    paper, ink = (0, 255) if rng.random() < 0.3 else (255, 0)
    page = Image.new("L", (width, height), paper)
    pen, size = ImageDraw.Draw(page), int(rng.integers(10, 40))
    font = ImageFont.load_default(size)
    for top in range(size, height - size, int(1.4 * size)):
        letters = int((width - 2 * size) / (0.5 * size) * rng.uniform(0.3, 1))
        pen.text(
            (size, top), " ".join(rng.choice(_WORDS, 60).tolist())[:letters], fill=ink, font=font
        )
    return np.asarray(page)


def _drawing(rng: np.random.Generator) -> np.ndarray:
    size = int(rng.integers(200, 600))
    page = Image.new("L", (size, size), 0 if rng.random() < 0.4 else 255)
    pen = ImageDraw.Draw(page)
    for _ in range(rng.integers(2, 14)):
        grey, width = int(rng.integers(0, 256)), int(rng.integers(1, 12))
        fill = grey if rng.random() < 0.4 else None
        left, right = sorted(rng.integers(0, size, 2).tolist())
        top, bottom = sorted(rng.integers(0, size, 2).tolist())
        points = [tuple(point) for point in rng.integers(0, size, (3, 2)).tolist()]
        kind = rng.integers(4)
        if kind == 0:
            pen.ellipse([left, top, right, bottom], outline=grey, width=width, fill=fill)
        elif kind == 1:
            pen.rectangle([left, top, right, bottom], outline=grey, width=width, fill=fill)
        elif kind == 2:
            pen.line(points, fill=grey, width=width)
        else:
            pen.polygon(points, outline=grey, fill=fill)
    return np.asarray(page)


def _body(rng: np.random.Generator) -> np.ndarray:
    """A hand, a leg or a skull as an X-ray shows it, roughly: soft tissue grey, bone light."""
    size = 400
    page = Image.new("L", (size, size), int(rng.integers(0, 30)))
    pen, middle = ImageDraw.Draw(page), size / 2 + rng.normal(0, 20)
    (_hand, _leg, _skull)[rng.integers(3)](pen, middle, size, rng)
    blurred = page.filter(ImageFilter.GaussianBlur(float(rng.uniform(1, 4))))
    return _bytes(np.asarray(blurred) / 255 + rng.normal(0, 0.02, (size, size)))


def _hand(pen: Any, middle: float, size: int, rng: np.random.Generator) -> None:
    wrist = size * 0.65
    pen.ellipse([middle - 80, wrist - 80, middle + 80, wrist + 90], fill=70)
    pen.rectangle([middle - 50, wrist, middle + 50, size], fill=70)
    for finger in range(-2, 3):
        angle, length = np.radians(rng.uniform(14, 22) * finger - 90), rng.uniform(170, 210)
        step = np.array([1.2 * np.cos(angle), np.sin(angle)]) * length
        start = np.array([middle, wrist])
        pen.line([*start, *(start + step)], fill=80, width=44)
        for joint in (0.15, 0.5, 0.75):
            bone = [*(start + joint * step), *(start + (joint + 0.2) * step)]
            pen.line(bone, fill=int(rng.integers(150, 220)), width=16)


def _leg(pen: Any, middle: float, size: int, rng: np.random.Generator) -> None:
    flesh, bone = rng.uniform(60, 110), rng.uniform(20, 34)
    pen.rectangle([middle - flesh, 0, middle + flesh, size], fill=90)
    pen.rectangle([middle - bone, 0, middle + bone, size], fill=200)
    pen.ellipse([middle - 2 * bone, 0.38 * size, middle + 2 * bone, 0.52 * size], fill=210)
    pen.rectangle([middle + 1.6 * bone, 0.55 * size, middle + 2.2 * bone, size], fill=170)


def _skull(pen: Any, middle: float, size: int, rng: np.random.Generator) -> None:
    radius, centre = rng.uniform(120, 170), size * 0.45
    box = [middle - radius, centre - 1.1 * radius, middle + radius, centre + 1.1 * radius]
    pen.ellipse(box, fill=150, outline=235, width=14)
    for side in (-0.45, 0.45):
        x = middle + side * radius
        eye = [x - 0.22 * radius, centre + 0.1 * radius, x + 0.22 * radius, centre + 0.5 * radius]
        pen.ellipse(eye, fill=60)
    jaw = [middle - 0.5 * radius, centre + 0.8 * radius, middle + 0.5 * radius, centre + radius]
    pen.rectangle(jaw, fill=190)


def _bytes(values: np.ndarray) -> np.ndarray:
    """Values in [0, 1] as uint8; what lies outside is cut off."""
    return (np.asarray(values, np.float64).clip(0, 1) * 255).round().astype(np.uint8)


_DRAWERS: Mapping[str, Callable[[np.random.Generator], np.ndarray]] = {
    "Textures, drawn": _texture,
    "Text pages, drawn": _text,
    "Noise": _noise,
    "Drawings": _drawing,
    "Hands, legs and skulls, drawn": _body,
}
