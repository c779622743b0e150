"""Labels of a user's films: by folder, by CSV, and what is left out with which reason."""

import io
import zipfile

import pytest

from pneumo_core.archive import entries
from pneumo_core.errors import DataError
from pneumo_core.local_labels import MOST_LISTED, Labelled, find_labels


def found(names: list[str], table: bytes | None = None, **inside: bytes) -> Labelled:
    """Labels of files of these names; `inside` are CSV files among them, without their suffix."""
    files = [(name, b"film") for name in names]
    files += [(f"{name}.csv", content) for name, content in inside.items()]
    return find_labels(entries(files), table)


def labels(these: Labelled) -> dict[str, tuple[int, str]]:
    return {film.entry.path: (film.label, film.kind) for film in these.films}


def reasons(these: Labelled) -> dict[str, str]:
    return {each.name: each.reason for each in these.left_out}


def test_folders_of_any_depth_case_and_usual_name():
    assert labels(
        found(
            [
                "site/test/NORMAL/a.png",
                "site/normal/x/b",
                "site/No_Finding/c.dcm",
                "site/Pneumonia/d.png",
                "site/PNEUMONIA/Bacterial/e.png",
                "site/pneumonia-viral/f.png",
                "site/virus/g.png",
                "site/PNEUMONIA/person1_bacteria_1.jpeg",
                "site\\Healthy\\h.png",
            ]
        )
    ) == {
        "site/test/NORMAL/a.png": (0, "normal"),
        "site/normal/x/b": (0, "normal"),
        "site/No_Finding/c.dcm": (0, "normal"),
        "site/Pneumonia/d.png": (1, ""),
        "site/PNEUMONIA/Bacterial/e.png": (1, "bacteria"),
        "site/pneumonia-viral/f.png": (1, "virus"),
        "site/virus/g.png": (1, "virus"),
        "site/PNEUMONIA/person1_bacteria_1.jpeg": (1, "bacteria"),
        "site/Healthy/h.png": (0, "normal"),
    }


def test_what_no_folder_or_two_folders_name_is_left_out():
    these = found(["NORMAL/a.png", "abnormal/b.png", "c.png", "PNEUMONIA/normal/d.png", "1/e.png"])
    assert list(labels(these)) == ["NORMAL/a.png"]
    assert reasons(these).keys() == {"abnormal/b.png", "c.png", "PNEUMONIA/normal/d.png", "1/e.png"}
    assert "name two classes" in reasons(these)["PNEUMONIA/normal/d.png"]
    assert "No folder" in reasons(these)["c.png"]


def test_a_folder_around_everything_may_be_called_pneumonia():
    these = found(["pneumonia/NORMAL/a.png", "pneumonia/PNEUMONIA/b.png", "README.txt"])
    assert labels(these) == {
        "pneumonia/NORMAL/a.png": (0, "normal"),
        "pneumonia/PNEUMONIA/b.png": (1, ""),
    }
    assert labels(found(["PNEUMONIA/a.png", "PNEUMONIA/b.png"])) == {
        "PNEUMONIA/a.png": (1, ""),
        "PNEUMONIA/b.png": (1, ""),
    }


def test_patients_by_kermanys_names_and_not_across_folders_of_patients():
    these = found(
        [
            "PNEUMONIA/person3_virus_1.jpeg",
            "PNEUMONIA/person3_virus_2.jpeg",
            "NORMAL/IM-0001-0001.jpeg",
            "NORMAL/miller/IM-0001-0001.dcm",
            "NORMAL/smith/IM-0001-0001.dcm",
            "NORMAL/other.png",
        ]
    )
    assert [film.patient for film in these.films] == [
        "person3_virus",
        "person3_virus",
        "IM-0001",
        "miller/IM-0001",
        "smith/IM-0001",
        "",
    ]


CSV = b"""File;Diagnosis;Patient ID;Site
A.PNG;1;p1;north
d:\\films\\x\\b.png;0.0;p1;north
c;Bacterial pneumonia;;south
"""


def test_a_csv_is_forgiving_about_names():
    these = found(["a.png", "x/b.png", "y/c.dcm"], CSV)
    assert labels(these) == {
        "a.png": (1, ""),
        "x/b.png": (0, "normal"),
        "y/c.dcm": (1, "bacteria"),
    }
    assert [(film.patient, film.group) for film in these.films] == [
        ("p1", "north"),
        ("p1", "north"),
        ("", "south"),
    ]
    assert (these.table, these.group, these.strays, these.left_out) == (True, "Site", 0, ())


def test_the_csv_may_lie_among_the_films():
    these = found(["a.png", "x/b.png", "y/c.dcm"], labels=CSV)
    assert len(these.films) == 3
    assert these.left_out == ()
    these = found(["a.png"], b"file,label\na.png,0\n", labels=CSV)
    assert labels(these) == {"a.png": (0, "normal")}, "the one that is given goes first"
    assert "Another CSV" in reasons(these)["labels.csv"]


def test_accents_are_the_same_however_they_are_written():
    decomposed = "Mu\u0308ller.png"
    assert len(found([decomposed], "file,label\nM\u00fcller.png,1\n".encode()).films) == 1


def test_what_cannot_be_matched_is_counted_and_listed():
    table = b"file,label\na.png,1\nb.png,maybe\nc.png,\nnone.png,0\n,1\n"
    these = found(["a.png", "b.png", "c.png", "d.png"], table)
    assert list(labels(these)) == ["a.png"]
    assert "none that is known" in reasons(these)["b.png"]
    assert "is missing" in reasons(these)["c.png"]
    assert "does not name" in reasons(these)["d.png"]
    assert these.strays == 2
    assert [each.name for each in these.stray_rows] == ["none.png", "(no name)"]
    many = "file,label\n" + "".join(f"f{i},0\n" for i in range(500)) + "a.png,1\n"
    these = found(["a.png"], many.encode())
    assert (these.strays, len(these.stray_rows), len(these.films)) == (500, MOST_LISTED, 1)


def test_a_name_that_could_be_two_files_is_no_ones():
    names = ["x/1.png", "y/1.png"]
    these = found(names, b"file,label\n1.png,1\n")
    assert these.films == ()
    assert "several files alike" in reasons(these)["x/1.png"]
    assert "2 files" in these.stray_rows[0].reason
    these = found(names, b"file,label\nx/1.png,1\ny/1.png,0\n")
    assert labels(these) == {"x/1.png": (1, ""), "y/1.png": (0, "normal")}
    these = found(["1.png", "x/1.png"], b"file,label\n1.png,1\nx/1.png,0\n")
    assert labels(these) == {"1.png": (1, ""), "x/1.png": (0, "normal")}, (
        "the whole name goes first"
    )


def test_contradictions_are_left_out():
    these = found(["a.png", "b.png"], b"file,label\na.png,1\nA.png,0\nb.png,1\nb.png,1\n")
    assert list(labels(these)) == ["b.png"], "said twice alike is no contradiction"
    assert "contradict" in reasons(these)["a.png"]
    these = found(["NORMAL/a.png"], b"file,label\na.png,1\n")
    assert "different classes" in reasons(these)["NORMAL/a.png"]


def test_a_csv_without_labels_adds_patients_to_folders():
    these = found(["NORMAL/a.png", "NORMAL/b.png"], b"file,patient\na.png,p7\n")
    assert [(film.label, film.patient) for film in these.films] == [(0, "p7"), (0, "")]
    assert not these.table


def test_a_group_that_names_the_kind():
    these = found(["a.png"], b"file,label,group\na.png,1,Virus\n")
    assert labels(these) == {"a.png": (1, "virus")}


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (b"", "empty"),
        (b"a.png,1\nb.png,0\n", "called file"),
        (b"file\na.png\n", "a file and a label"),
        (b"file,label\n", "no rows"),
        (b"file,colour\na.png,red\n", "no column called label"),
        (b"\xd0\xcf\x11\xe0", "spreadsheet"),
        (b"file,label\na.png\n", "Row 2 has 1 field"),
        (b"file," + b",".join(b"c%d" % i for i in range(1_000_000)) + b"\n", "1000001 columns"),
        (b'file,label\n"a.png,1\n', "never closed"),
    ],
)
def test_a_csv_that_cannot_be_used(table, words):
    with pytest.raises(DataError, match=words):
        found(["a.png"], table)
    with pytest.raises(DataError, match=words):
        found(["a.png"], labels=table)


def test_a_useless_csv_beside_class_folders_is_only_left_out():
    these = found(["NORMAL/a.png"], notes=b"who,when\nme,now\n")
    assert len(these.films) == 1
    assert "called file" in reasons(these)["notes.csv"]


def test_two_csv_files_are_one_too_many():
    with pytest.raises(DataError, match="2 CSV files"):
        found(["a.png"], one=b"file,label\na.png,1\n", two=b"file,label\na.png,1\n")


def packed(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return buffer.getvalue()


def test_an_archive_is_not_unpacked_for_its_labels(monkeypatch):
    data = packed({"../../NORMAL/a.png": b"1", "/PNEUMONIA/b.png": b"1", "NORMAL/": b""})
    monkeypatch.setattr(zipfile.ZipFile, "open", None)
    these = find_labels(entries([("films.zip", data)]))
    assert labels(these) == {"NORMAL/a.png": (0, "normal"), "PNEUMONIA/b.png": (1, "")}


def test_an_archive_that_is_refused_says_why():
    these = find_labels(entries([("NORMAL/films.zip", packed({"x.png": b"1"})[:-10])]))
    assert reasons(these) == {
        "NORMAL/films.zip": "This ZIP is damaged or cut short: pack it again."
    }


def test_a_csv_that_is_a_bomb_is_not_opened():
    data = packed({"a.png": b"1", "labels.csv": b"file,label\n" + b"a.png,1\n" * 4_000_000})
    with pytest.raises(DataError, match="far more"):
        find_labels(entries([("films.zip", data)]))


def test_hostile_fields_cost_no_time():
    field = b"a/" * 2_000_000 + b"a.png"
    these = found(["x/" * 30_000 + "NORMAL/a.png"], b"file,label\n" + field + b",0\n")
    assert len(these.films) == 1
