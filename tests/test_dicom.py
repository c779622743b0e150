"""DICOM films of every kind we read, against the exact values, pydicom's own, or the sentence."""

import io
import logging
import re

import numpy as np
import pytest
from PIL import Image
from pydicom import Dataset, uid
from pydicom.pixels import apply_modality_lut, apply_voi, apply_windowing
from pydicom.sequence import Sequence

from pneumo_core.datasets import data_folders
from pneumo_core.dicom import DicomFilm, Table, Window, read_dicom
from pneumo_core.dicom_words import Sign, age_words, remarks, window_words
from pneumo_core.errors import ImageError
from pneumo_core.images import read_image
from tests.dicom_files import EXACT, LOSSLESS, LOSSY, UNCOMPRESSED, dicom, film, in_child

GREY = film(8)
DEEP = film(12)
COLOURS = np.random.default_rng(5).integers(0, 256, (40, 36, 3), dtype=np.uint8)
SWAPPED = "black and white swapped, because the file stores white as zero"


def opened(data: bytes, frame: int = 0) -> DicomFilm:
    return read_dicom(data, frame).dicom


def refusal(data: bytes, frame: int = 0) -> str:
    with pytest.raises(ImageError) as caught:
        read_dicom(data, frame)
    message = str(caught.value)
    assert message.endswith(".")
    assert "\n" not in message
    return message


def numbers(film: DicomFilm) -> np.ndarray:
    return film.values[film.stored]


def warnings_of(**tags: object) -> dict[Sign, str]:
    found = remarks(opened(dicom(GREY, **tags)))
    return {remark.sign: remark.words for remark in found if remark.warns}


@pytest.mark.parametrize("syntax", EXACT)
@pytest.mark.parametrize(("bits", "signed"), [(8, False), (12, False), (16, True)])
def test_every_lossless_syntax_gives_the_exact_values(syntax, bits, signed):
    pixels = film(bits, signed)
    image = read_image(dicom(pixels, EXACT[syntax], bits))
    np.testing.assert_array_equal(numbers(image.dicom), pixels)
    assert image.kind == "DICOM"
    assert image.pixels.dtype == np.float32
    low, high = (0, 255) if bits == 8 else (int(pixels.min()), int(pixels.max()))
    shades = (pixels.astype(np.float64) - low) / (high - low)
    np.testing.assert_allclose(image.pixels, shades, atol=1e-6)
    assert not image.dicom.facts.lossy


@pytest.mark.parametrize("bits", [9, 10, 14, 15])
@pytest.mark.parametrize("syntax", ["implicit", "RLE", "JPEG-LS", "JPEG 2000"])
def test_bits_between(syntax, bits):
    pixels = film(bits)
    found = opened(dicom(pixels, EXACT[syntax], bits))
    np.testing.assert_array_equal(numbers(found), pixels)
    assert found.facts.bits == bits
    assert len(found.values) == 2**bits
    assert [remark.sign for remark in remarks(found)] == [Sign.STRETCHED]


@pytest.mark.parametrize(
    ("syntax", "pixels", "bits", "off"),
    [
        ("JPEG", GREY, 8, 14),
        ("JPEG-LS near", GREY, 8, 3),
        ("JPEG-LS near", DEEP, 12, 3),
        ("JPEG 2000 lossy", GREY, 8, 14),
    ],
)
def test_lossy_syntaxes_stay_near(syntax, pixels, bits, off):
    found = opened(dicom(pixels, LOSSY[syntax], bits, LossyImageCompression="01"))
    error = np.abs(numbers(found) - pixels.astype(int))
    assert error.max() <= off
    assert error.mean() < 3
    assert found.facts.lossy


@pytest.mark.parametrize("syntax", EXACT | LOSSY)
def test_colours_become_luma_in_every_syntax(syntax):
    image = read_image(dicom(COLOURS, (EXACT | LOSSY)[syntax]))
    assert image.colourful
    assert "colours turned to grey" in image.notes
    if syntax in EXACT:
        luma = np.asarray(Image.fromarray(COLOURS).convert("L"))
        np.testing.assert_array_equal(image.pixels, luma.astype(np.float32) / np.float32(255))


def test_grey_stored_as_colour_is_not_colourful():
    image = read_image(dicom(np.dstack([GREY] * 3)))
    assert (image.colourful, image.notes) == (False, ())
    np.testing.assert_allclose(image.pixels, GREY / 255, atol=1e-6)


def test_palette_colours():
    palette = np.random.default_rng(1).integers(0, 256, (3, 256)).astype(np.uint8)
    tags = {"PhotometricInterpretation": "PALETTE COLOR"}
    for name, channel in zip(("Red", "Green", "Blue"), palette, strict=True):
        tags[f"{name}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        data = (channel.astype("<u2") * 257).tobytes()
        tags[f"{name}PaletteColorLookupTableData"] = data
    image = read_image(dicom(GREY, **tags))
    luma = np.asarray(Image.fromarray(palette.T[GREY]).convert("L"))
    np.testing.assert_array_equal(image.dicom.stored, luma)
    assert image.colourful


@pytest.fixture(scope="module")
def own() -> list[tuple[str, str, bytes, np.ndarray]]:
    """What pydicom makes of its own test files and those in the folder `dicom` of the data."""
    folders = [folder / "dicom" for folder in data_folders() if (folder / "dicom").is_dir()]
    paths = sorted(str(path) for folder in folders[:1] for path in folder.glob("*.dcm"))
    return in_child("own_decoding", tuple(paths))


def test_pixels_equal_pydicoms_own_in_all_its_test_files(own):
    equal, syntaxes, refused = 0, set(), {}
    for name, syntax, data, pixels in own:
        try:
            found = opened(data)
        except ImageError as error:
            refused[name] = str(error)
            continue
        luma = pixels if pixels.ndim == 2 else np.asarray(Image.fromarray(pixels).convert("L"))
        if found.facts.photometric != "PALETTE COLOR":
            np.testing.assert_array_equal(numbers(found), luma, err_msg=name)
            equal += 1
            syntaxes.add(syntax)
    assert equal >= 37  # 44 with the folder `dicom`
    assert len(syntaxes) == 11
    for sentence in refused.values():
        assert re.search("too small|of 16 bits|have (1|32) bits", sentence)


def test_jpeg_agrees_with_a_second_decoder(own):
    import cv2
    from pydicom import dcmread
    from pydicom.encaps import get_frame

    public = [data for name, _, data, _ in own if name == "rsna_CR_mono2_jpegbaseline.dcm"]
    for data in (dicom(GREY, LOSSY["JPEG"]), dicom(GREY[::-1], LOSSY["JPEG"]), *public):
        dataset = dcmread(io.BytesIO(data))
        coded = get_frame(dataset.PixelData, 0, number_of_frames=1)
        other = cv2.imdecode(np.frombuffer(coded, np.uint8), cv2.IMREAD_GRAYSCALE)
        assert np.abs(numbers(opened(data)) - other.astype(int)).max() <= 3


@pytest.fixture
def public():
    for folder in data_folders():
        if (folder / "dicom").is_dir():
            return folder / "dicom"
    return pytest.skip("needs the folder dicom of the data")


def test_public_chest_films(public):
    rsna = read_image(public / "rsna_CR_mono2_jpegbaseline.dcm")
    assert (rsna.pixels.shape, rsna.notes) == ((1024, 1024), ("front view, PA",))
    assert rsna.dicom.facts.age == 62
    assert [r.sign for r in remarks(rsna.dicom) if r.warns] == [Sign.AGE]
    near = read_image(public / "RG1_JLSN.dcm")
    assert near.notes == (SWAPPED, "shown through window 1 (15000 / 30000)", "front view, PA")
    fixed = read_image(public / "966_fixed.dcm")
    assert fixed.pixels.shape == (2128, 2000)
    assert fixed.dicom.facts.laterality == "R"
    lung, middle = fixed.pixels[800:1200, 400:700], fixed.pixels[1000:1400, 950:1050]
    assert lung.mean() < middle.mean() - 0.2  # air is dark
    assert "cannot be read" in refusal((public / "966.dcm").read_bytes())


def test_public_films_of_other_things(public):
    assert "is a CT" in refusal((public / "CT_small.dcm").read_bytes())
    assert "is an ultrasound" in refusal((public / "examples_rgb_color_US.dcm").read_bytes())
    teeth = read_image(public / "CR-ModalitySequenceLUT_teeth.dcm").dicom
    assert teeth.facts.encoding == "JPEG Lossless"
    assert (teeth.values[0], teeth.values[-1]) == (0, 1023)
    assert np.any(np.diff(teeth.values) != 1)  # its modality LUT is no straight line


@pytest.mark.parametrize("syntax", ["implicit", "explicit", "big endian", "deflated"])
def test_without_preamble(syntax):
    data = dicom(DEEP, UNCOMPRESSED[syntax], preamble=False)
    np.testing.assert_array_equal(numbers(read_image(data).dicom), DEEP)


@pytest.mark.parametrize("syntax", ["implicit", "explicit", "big endian"])
def test_without_file_meta(syntax):
    data = dicom(DEEP, UNCOMPRESSED[syntax])
    start = 144 + int.from_bytes(data[140:144], "little")
    np.testing.assert_array_equal(numbers(read_image(data[start:]).dicom), DEEP)


def test_a_file_is_known_by_its_content(tmp_path):
    path = tmp_path / "IM0001"
    tiff = io.BytesIO()
    Image.fromarray(GREY).save(tiff, "TIFF")
    path.write_bytes(tiff.getvalue()[:128] + dicom(GREY)[128:])
    assert read_image(path).kind == "DICOM"


def test_monochrome1_is_inverted():
    image = read_image(dicom(GREY, PhotometricInterpretation="MONOCHROME1"))
    np.testing.assert_allclose(image.pixels, 1 - GREY / 255, atol=1e-6)
    assert image.notes == (SWAPPED,)


def test_several_windows_the_first_by_default():
    data = dicom(
        DEEP, bits=12, WindowCenter=[1000, 300, 9], WindowWidth=[800, 100, 0.5],
        WindowCenterWidthExplanation=["LUNG", "Doe^Jane", "x"],
    )  # fmt: skip
    image = read_image(data)
    lung, second, whole = image.dicom.windows
    assert lung == Window("window “lung”", 1000, 800, "LINEAR")
    assert second == Window("window 2", 300, 100, "LINEAR")
    assert whole == Window("all values", 2047.5, 4095, "LINEAR_EXACT")
    shades = np.clip((DEEP - 999.5) / 799 + 0.5, 0, 1)
    np.testing.assert_allclose(image.pixels, shades, atol=1e-6)
    assert image.notes == ("shown through window “lung” (1000 / 800)",)
    narrow = image.dicom.pixels(second)
    assert narrow[DEEP <= 250].max() == 0
    assert narrow[DEEP >= 350].min() == 1
    assert window_words(second) == "window 2 (300 / 100)"


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize("signed", [False, True])
def test_windows_agree_with_pydicom(function, signed):
    pixels = film(12, signed)
    tags = {"WindowCenter": -200, "WindowWidth": 900.0, "VOILUTFunction": function}
    tags |= {"RescaleSlope": 1.5, "RescaleIntercept": -1024}
    image = read_image(dicom(pixels, bits=12, **tags))
    dataset = Dataset()
    dataset.BitsStored, dataset.PixelRepresentation = 12, int(signed)
    dataset.PhotometricInterpretation = "MONOCHROME2"
    for name, value in tags.items():
        setattr(dataset, name, value)
    values = apply_modality_lut(pixels, dataset)
    np.testing.assert_allclose(numbers(image.dicom), values, atol=1e-3)
    shades = apply_windowing(values, dataset)
    low, high = (-2048, 2047) if signed else (0, 4095)
    low, high = low * 1.5 - 1024, high * 1.5 - 1024
    np.testing.assert_allclose(image.pixels, (shades - low) / (high - low), atol=1e-5)


def lookup(entries: np.ndarray, first: int, bits: int) -> Dataset:
    item = Dataset()
    item.LUTDescriptor = [len(entries) % 65536, first, bits]
    item.add_new("LUTData", "OW", entries.astype("<u2").tobytes())
    return item


def test_lookup_tables_agree_with_pydicom():
    bent = np.sqrt(np.linspace(0, 1, 3000)) * 65535
    again = np.linspace(0, 1, 65536) ** 2 * 4095
    tags = {
        "ModalityLUTSequence": Sequence([lookup(bent, 100, 16)]),
        "VOILUTSequence": Sequence([lookup(again, 0, 12), lookup(again[::-1], 0, 12)]),
    }
    image = read_image(dicom(DEEP, bits=12, WindowCenter=9, WindowWidth=9, **tags))
    dataset = Dataset()
    dataset.set_original_encoding(False, True, "ascii")
    dataset.ModalityLUTSequence, dataset.VOILUTSequence = tags.values()
    values = apply_modality_lut(DEEP, dataset)
    np.testing.assert_array_equal(numbers(image.dicom), values)
    np.testing.assert_allclose(image.pixels, apply_voi(values, dataset) / 4095, atol=1e-6)
    first, second, window, _ = image.dicom.windows
    assert isinstance(first, Table)
    assert image.notes == ("shown through the file's table 1",)
    np.testing.assert_allclose(image.dicom.pixels(second)[values == 65535], 0)
    assert (window.centre, window.width) == (9, 9)


def test_lookup_tables_of_10_bits_and_of_bytes():
    tens = lookup(np.arange(256) * 4, 0, 10)  # pydicom's own takes 8 and 16 bits only
    bytewise = Dataset()
    bytewise.LUTDescriptor = [256, 0, 8]
    bytewise.add_new("LUTData", "OW", np.arange(256, dtype=np.uint8)[::-1].tobytes())
    found = opened(dicom(GREY, ModalityLUTSequence=Sequence([tens])))
    np.testing.assert_array_equal(numbers(found), GREY.astype(int) * 4)
    image = read_image(dicom(GREY, VOILUTSequence=Sequence([bytewise])))
    np.testing.assert_allclose(image.pixels, 1 - GREY / 255, atol=1e-6)


def test_a_damaged_table_is_left_out_or_refused():
    short = lookup(np.arange(10), 0, 12)
    short.LUTDescriptor = [4096, 0, 12]
    found = opened(dicom(DEEP, bits=12, VOILUTSequence=Sequence([short])))
    assert [window.name for window in found.windows] == ["all values"]
    assert "damaged" in refusal(dicom(DEEP, bits=12, ModalityLUTSequence=Sequence([short])))


def test_a_window_that_shows_nothing_is_passed_over():
    image = read_image(dicom(DEEP, bits=12, WindowCenter=[90000, 2000], WindowWidth=[10, 3000]))
    assert image.dicom.chosen == 1
    assert image.notes == (
        "shown through window 2 (2000 / 3000)",
        "the file's own window shows nothing and was passed over",
    )
    assert image.pixels.std() > 0.1


@pytest.mark.parametrize("width", [0, -5, 0.9, "1e400"])
def test_windows_without_sense_are_not_offered(width):
    found = opened(dicom(DEEP, bits=12, WindowCenter=5, WindowWidth=width))
    assert [window.name for window in found.windows] == ["all values"]


def test_padding_is_black_and_stretches_nothing():
    pixels = film(12, signed=True)
    pixels[:5] = -2000
    pixels[5:] = np.clip(pixels[5:], -100, 900)
    image = read_image(dicom(pixels, bits=12, PixelPaddingValue=-2000,
                             PhotometricInterpretation="MONOCHROME1"))  # fmt: skip
    assert image.pixels[:5].max() == 0
    np.testing.assert_allclose(image.pixels[5:], 1 - (pixels[5:] + 100) / 1000, atol=1e-6)
    assert image.notes[-1] == "padding around the picture shown black"
    ranged = dicom(pixels, bits=12, PixelPaddingValue=-2048, PixelPaddingRangeLimit=-1900)
    assert read_image(ranged).dicom.padding == (0, 148)


def test_values_beyond_the_stated_bits_are_kept():
    found = opened(dicom(film(12), UNCOMPRESSED["explicit"], 12, BitsStored=16, HighBit=15))
    assert found.facts.bits == 16
    assert found.windows[-1].width == 4095


def test_missing_tags_are_filled_in_where_there_is_one_choice():
    missing = dict.fromkeys(
        ("SOPClassUID", "PixelRepresentation", "SamplesPerPixel", "HighBit", "BitsStored"), None
    )
    found = opened(dicom(GREY, PhotometricInterpretation=None, **missing))
    np.testing.assert_array_equal(numbers(found), GREY)
    for name in ("Rows", "Columns", "BitsAllocated"):
        assert "does not say how its picture is stored" in refusal(dicom(GREY, **{name: None}))


@pytest.mark.parametrize("syntax", ["explicit", *LOSSLESS, "JPEG"])
def test_a_frame_is_chosen(syntax):
    frames = np.stack([film(8), 255 - film(8), film(8)[::-1]])
    data = dicom(frames, (EXACT | LOSSY)[syntax])
    image = read_dicom(data, 2)
    assert image.notes[0] == "frame 3 of 3"
    assert (image.dicom.facts.frame, image.dicom.facts.frames) == (2, 3)
    tolerance = 14 if syntax == "JPEG" else 0
    np.testing.assert_allclose(numbers(image.dicom), frames[2], atol=tolerance)
    np.testing.assert_allclose(numbers(opened(data)), frames[0], atol=tolerance)
    assert "no frame 4" in refusal(data, 3)
    assert "no frame 0" in refusal(data, -1)


def test_too_many_frames():
    assert "5000 frames" in refusal(dicom(GREY, NumberOfFrames=5000))


@pytest.mark.parametrize(
    ("modality", "words"),
    [
        ("CT", "a CT"), ("MR", "an MRI"), ("US", "an ultrasound"), ("MG", "a mammogram"),
        ("PX", "a dental X-ray"), ("NM", "nuclear"), ("XA", "an angiogram"), ("ZZ", "another kind"),
    ],
)  # fmt: skip
def test_other_modalities_are_refused(modality, words):
    message = refusal(dicom(GREY, Modality=modality))
    assert words in message
    assert "not a plain X-ray" in message


@pytest.mark.parametrize(("modality", "read"), [("CR", "CR"), ("RG", "RG"), ("DR", "DX")])
def test_plain_x_rays_are_read_without_a_warning(modality, read):
    found = opened(dicom(GREY, Modality=modality))
    assert found.facts.modality == read
    assert remarks(found) == ()


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"Modality": "SR"}, "a report"),
        ({"Modality": "PR"}, "a presentation state"),
        ({"Modality": "DX"}, "without a picture"),
        ({"SOPClassUID": uid.EncapsulatedPDFStorage}, "a PDF"),
    ],
)
def test_objects_without_a_picture(tags, words):
    assert words in refusal(dicom(GREY, PixelData=None, Rows=None, **tags))


@pytest.mark.parametrize(
    ("age", "years", "words"),
    [
        ("062Y", 62, "62 years"), ("006Y", 6, "6 years"), ("005Y", 5, None), ("001Y", 1, None),
        ("012M", 1, None), ("011M", 11 / 12, "11 months"), ("002W", 14 / 365.25, "14 days"),
        ("001D", 1 / 365.25, "1 day"), ("62", 62, "62 years"), ("000Y", None, None),
        ("999Y", None, None), ("Doe", None, None), ("", None, None),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore")
def test_age(age, years, words):
    found = opened(dicom(GREY, PatientAge=age))
    assert found.facts.age == pytest.approx(years)
    sentence = {r.sign: r.words for r in remarks(found)}.get(Sign.AGE)
    assert (sentence is None) == (words is None)
    assert words is None or f"age as {words}: the model knows children of one to five" in sentence


def test_age_words():
    assert [age_words(age) for age in (1 / 12, 1.5, 2, 40.9)] == [
        "1 month", "18 months", "2 years", "40 years",
    ]  # fmt: skip


def test_view_and_body_part_and_more():
    assert warnings_of(ViewPosition="AP", BodyPartExamined="CHEST") == {}
    assert opened(dicom(GREY, ViewPosition="AP")).facts.view == "AP"
    assert read_image(dicom(GREY, ViewPosition="AP")).notes == ("front view, AP",)
    assert "front views only" in warnings_of(ViewPosition="LL")[Sign.VIEW]
    assert opened(dicom(GREY, ViewPosition="LL")).facts.view == "LATERAL"
    assert "another part" in warnings_of(BodyPartExamined="HAND")[Sign.BODY_PART]
    assert warnings_of(BodyPartExamined="PORT CHEST") == {}
    assert set(warnings_of(Modality=None)) == set(warnings_of(Modality="OT")) == {Sign.MODALITY}
    assert set(warnings_of(PresentationIntentType="FOR PROCESSING")) == {Sign.RAW}
    assert set(warnings_of(BurnedInAnnotation="YES")) == {Sign.BURNED_IN}
    assert warnings_of(BurnedInAnnotation="NO") == {}


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"BitsAllocated": 32, "BitsStored": 32}, "have 32 bits"),
        ({"BitsStored": 13, "HighBit": 14}, "laid out oddly"),
        ({"PhotometricInterpretation": "CMYK"}, "colours of this DICOM"),
        ({"SamplesPerPixel": 3}, "colours of this DICOM"),
        ({"RescaleSlope": 0, "RescaleIntercept": 1}, "the same value"),
        ({"RescaleSlope": 1e11, "RescaleIntercept": 1e11}, None),
        ({"Rows": 8}, "too small"),
    ],
)
def test_pixels_of_rare_kinds(tags, words):
    data = dicom(DEEP, **tags)
    if words is None:
        assert np.isfinite(read_image(data).pixels).all()
    else:
        assert words in refusal(data)


def test_16_bit_colours_and_12_bit_jpeg_are_refused():
    assert "colours of 16 bits" in refusal(dicom(np.dstack([DEEP] * 3)))
    data = dicom(GREY, LOSSY["JPEG"]).replace(b"1.2.840.10008.1.2.4.50", b"1.2.840.10008.1.2.4.51")
    np.testing.assert_array_equal(
        opened(data).stored, opened(dicom(GREY, LOSSY["JPEG"])).stored
    )  # 8 bits are read in the syntax that may have 12
    twelve = data.replace(b"US\2\0\x08\0", b"US\2\0\x10\0", 1).replace(
        b"\x28\0\x01\x01US\2\0\x08\0", b"\x28\0\x01\x01US\2\0\x0c\0"
    ).replace(b"\x28\0\x02\x01US\2\0\x07\0", b"\x28\0\x02\x01US\2\0\x0b\0")  # fmt: skip
    assert "JPEG of 12 bits" in refusal(twelve)


def test_films_take_little_memory():
    found = opened(dicom(DEEP, bits=12))
    assert found.stored.nbytes == DEEP.nbytes
    assert found.values.nbytes == 4 * 4096


NAME = "Zzyzx^Planted"
FREE_TEXT = [
    "PatientName", "PatientID", "OtherPatientIDs", "PatientComments", "PatientAddress",
    "EthnicGroup", "AccessionNumber", "StudyID", "StudyDescription", "SeriesDescription",
    "InstitutionName", "Manufacturer", "ReferringPhysicianName", "OperatorsName",
    "ProtocolName", "ImageComments", "StationName", "AcquisitionDate", "ViewPosition",
    "BodyPartExamined", "Laterality", "ImageLaterality", "BurnedInAnnotation", "PatientAge",
    "WindowCenterWidthExplanation", "VOILUTFunction", "PresentationIntentType",
    "LossyImageCompression", "SpecificCharacterSet", "DerivationDescription",
    "PatientBirthDate", "StudyDate", "PresentationLUTShape",
]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"Modality": NAME},
        {"SOPClassUID": NAME},
        {"PhotometricInterpretation": NAME},
        {"NumberOfFrames": "7"},
        {"PixelData": None},
        {"Rows": 30_000},
    ],
)
def test_no_planted_text_leaves_the_reader(more, caplog, capfd, recwarn):
    caplog.set_level(logging.DEBUG)
    tags = dict.fromkeys(FREE_TEXT, NAME) | {"WindowCenter": 100, "WindowWidth": 50} | more
    data = dicom(GREY, **tags)
    assert data.count(NAME.encode()) >= len(FREE_TEXT)
    caplog.clear()
    capfd.readouterr()
    recwarn.clear()
    try:
        image = read_image(data)
        said = repr((image, image.dicom, image.notes, image.dicom.facts, remarks(image.dicom)))
        said += repr([vars(window) for window in image.dicom.windows])
        facts = image.dicom.facts
        assert (facts.view, facts.body_part, facts.laterality) == ("OTHER", "OTHER", None)
    except ImageError as error:
        said = repr((error, error.__cause__, error.__context__))
    said += caplog.text + "".join(capfd.readouterr()) + "".join(str(w.message) for w in recwarn)
    assert "Zzyzx" not in said
    assert "planted" not in said.lower()
