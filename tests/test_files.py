"""Files are whole or not there, also when the disk or the network fails half way."""

import errno
import hashlib
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pneumo_core.errors import DataError
from pneumo_core.files import download, sha256_of, write_json, written_whole

CONTENT = bytes(range(256)) * 1024
CONTENT_MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def interrupted_write(path):
    path.write_text("half of the n")
    raise KeyboardInterrupt


def no_space(*_args, **_kwargs):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_finished_block_replaces_the_file(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("old")
    with written_whole(path) as temporary:
        assert temporary.parent == tmp_path, "a rename across file systems is no rename"
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert names_in(tmp_path) == ["scores.csv"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_block_that_raises_leaves_the_old_file_alone(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), written_whole(path) as temporary:
        interrupted_write(temporary)
    assert path.read_text() == "old"
    assert names_in(tmp_path) == ["scores.csv"]


@pytest.mark.parametrize(("owner", "name"), [(os, "fsync"), (Path, "replace")])
def test_a_full_disk_leaves_the_old_file_alone(tmp_path, monkeypatch, owner, name):
    path = tmp_path / "run.json"
    write_json(path, {"epochs": 1})
    monkeypatch.setattr(owner, name, no_space)
    with pytest.raises(OSError, match="No space left"):
        write_json(path, {"epochs": 2})
    assert json.loads(path.read_text()) == {"epochs": 1}
    assert names_in(tmp_path) == ["run.json"]


def test_content_is_synced_before_the_rename(tmp_path, monkeypatch):
    steps = []
    sync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (steps.append("fsync"), sync(fd)))
    monkeypatch.setattr(
        Path, "replace", lambda self, to: (steps.append("replace"), replace(self, to))
    )
    write_json(tmp_path / "run.json", {})
    assert steps == ["fsync", "replace"]


def test_nothing_is_left_where_the_folder_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError), written_whole(tmp_path / "absent" / "file"):
        pytest.fail("there is no place to write to")
    assert names_in(tmp_path) == []


def test_json_is_indented_utf8_and_ends_in_a_newline(tmp_path):
    write_json(tmp_path / "run.json", {"title": "Zürich", "auc": [0.5, None]})
    text = (tmp_path / "run.json").read_bytes().decode("utf-8")
    assert text == '{\n  "title": "Zürich",\n  "auc": [\n    0.5,\n    null\n  ]\n}\n'


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_json_refuses_what_is_not_finite(tmp_path, number):
    path = tmp_path / "run.json"
    write_json(path, {"auc": 0.9})
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"auc": number})
    assert json.loads(path.read_text()) == {"auc": 0.9}
    assert names_in(tmp_path) == ["run.json"]


def test_sha256_is_the_standards_example(tmp_path):
    # FIPS 180-2, appendix B.1.
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_of(path) == expected


class Answers(BaseHTTPRequestHandler):
    """/whole sends everything, /unannounced does so without a length, the rest fails somehow."""

    def do_GET(self):
        if self.path == "/absent":
            self.send_error(404)
            return
        if self.path == "/gibberish":
            self.wfile.write(b"this is not HTTP\r\n\r\n")
            return
        self.send_response(200)
        if self.path == "/broken-chunks":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"ffff\r\n" + CONTENT[:100])
            return
        if self.path != "/unannounced":
            self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[:1000] if self.path == "/short" else CONTENT)

    def log_message(self, *_args):
        pass


@pytest.fixture(scope="module")
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def test_a_download_arrives_whole_and_tells_how_far_it_is(server, tmp_path):
    target = tmp_path / "new" / "folder" / "data.npz"
    shares = []
    download(f"{server}/whole", target, CONTENT_MD5, shares.append)
    assert target.read_bytes() == CONTENT
    assert names_in(target.parent) == ["data.npz"]
    assert shares == sorted(shares)
    assert shares[0] < 1.0
    assert shares[-1] == 1.0


def test_a_download_of_unknown_length_arrives_without_progress(server, tmp_path):
    shares = []
    download(f"{server}/unannounced", tmp_path / "data.npz", CONTENT_MD5, shares.append)
    assert (tmp_path / "data.npz").read_bytes() == CONTENT
    assert shares == []


@pytest.mark.parametrize(
    ("page", "md5", "reason"),
    [
        ("whole", "0" * 32, "wrong MD5"),
        ("short", CONTENT_MD5, "wrong MD5"),
        ("broken-chunks", CONTENT_MD5, "broke off"),
        ("gibberish", CONTENT_MD5, "not HTTP"),
    ],
)
def test_a_bad_download_leaves_the_old_file_alone(server, tmp_path, page, md5, reason):
    target = tmp_path / "data.npz"
    target.write_bytes(b"old")
    with pytest.raises(DataError, match=reason):
        download(f"{server}/{page}", target, md5)
    assert target.read_bytes() == b"old"
    assert names_in(tmp_path) == ["data.npz"]


def test_a_missing_page_is_an_os_error(server, tmp_path):
    with pytest.raises(OSError, match="404"):
        download(f"{server}/absent", tmp_path / "data.npz", CONTENT_MD5)
    assert names_in(tmp_path) == []


def test_a_disk_that_fills_up_during_a_download_leaves_nothing(server, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space left"):
        download(f"{server}/whole", tmp_path / "data.npz", CONTENT_MD5)
    assert names_in(tmp_path) == []
