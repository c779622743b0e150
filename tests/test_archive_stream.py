"""What keeps an archive's memory constant: lists, queues and films that are read as they go."""

import io
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from threading import Lock

import pytest
import torch
from PIL import Image

from pneumo_core import archive_scores
from pneumo_core.archive_list import names_in, write_list
from pneumo_core.archive_scores import MOST_PIXELS, Room, in_order, scored
from pneumo_core.errors import DataError
from tests.dicom_files import dicom, film


def test_films_are_asked_for_as_the_work_goes_on(tiny_data, tiny_run):
    """An archive without an end: only so many films are under way."""
    asked, folder = [], tiny_data / "chest_xray" / "test" / "NORMAL"
    name = next(folder.iterdir()).name

    def endless():
        for number in count(1):
            asked.append(number)
            yield number, name

    cpu = torch.device("cpu")
    rows = scored(tiny_run, endless(), folder, part_size=9, batch_size=4, workers=2, device=cpu)
    for row in rows:
        assert row.error is None
        if row.number == 100:
            break
    rows.close()
    assert len(asked) <= 100 + 100


def test_a_list_of_any_length_takes_no_memory(tmp_path):
    names = (f"ward {number % 7}/film {number}.png" for number in range(50_000))
    tracemalloc.start()
    try:
        assert write_list(names, tmp_path / "list.csv") == 50_000
        assert sum(1 for _ in names_in(tmp_path / "list.csv")) == 50_000
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_there_is_room_for_so_many_pixels():
    room, lock, held, most = Room(10), Lock(), [0], [0]

    def work(pixels: int) -> None:
        with room.taken(pixels):
            with lock:
                held[0] += pixels
                most[0] = max(most[0], held[0])
                alone = held[0] == pixels
            time.sleep(0.001)
            assert alone or pixels <= 10
            with lock:
                held[0] -= pixels

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, [4, 4, 4, 40, 1, 1, 9, 40, 10, 3] * 4)) == [None] * 40
    assert held == [0]
    assert most == [40]


def test_a_films_size_is_known_before_it_is_decoded():
    def encoded(kind: str) -> bytes:
        file = io.BytesIO()
        Image.new("L", (70, 30)).save(file, kind)
        return file.getvalue()

    known = [archive_scores._stated_pixels(encoded(kind)) for kind in ("PNG", "JPEG", "TIFF")]
    assert known == [2100] * 3
    for unknown in (b"", b"\x89PNG", b"text", dicom(film())):
        assert archive_scores._stated_pixels(unknown) == MOST_PIXELS // 2


def test_order_is_kept():
    def slow_first(number: int) -> int:
        time.sleep(0.02 if number % 4 == 0 else 0)
        return number

    with ThreadPoolExecutor(4) as pool:
        assert list(in_order(pool, slow_first, iter(range(30)), 6)) == list(range(30))


def test_a_folder_that_is_closed_is_told(tmp_path, monkeypatch):
    def walk(folder, onerror):
        onerror(PermissionError(13, "Permission denied", str(Path(folder) / "ward 3")))
        yield str(folder), [], []

    monkeypatch.setattr("pneumo_core.archive_list.os.walk", walk)
    with pytest.raises(DataError, match=r"ward 3' cannot be read \(Permission denied\)"):
        list(names_in(tmp_path))
