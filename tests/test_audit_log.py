"""The log of verdicts: whole rows from many writers, and nobody else's file touched."""

import csv
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pneumo_core import audit_log
from pneumo_core.__main__ import main
from pneumo_core.audit_log import (
    COLUMNS,
    AuditLogError,
    Verdict,
    as_csv,
    log_verdicts,
    read_log,
)
from pneumo_core.files import PROJECT_FOLDER

ONE = Verdict("upload", "a" * 64, 0, "b" * 64, "tiny", 0.8125, 0.4, "balanced")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "verdicts of a ward?.sqlite"


def test_a_verdict_comes_back_with_its_time(log):
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    log_verdicts(log, [ONE, replace(ONE, kind="sample", frame=3)])
    log_verdicts(log, [replace(ONE, probability=0.1)])
    rows = list(read_log(log))
    assert [row[1:] for row in rows] == [
        astuple(ONE),
        astuple(replace(ONE, kind="sample", frame=3)),
        astuple(replace(ONE, probability=0.1)),
    ]
    for row in rows:
        when = datetime.fromisoformat(row[0])
        assert when.utcoffset() == timedelta(0)
        assert before <= when <= datetime.now(UTC)


def test_it_is_marked_with_its_kind_and_version_and_does_not_lock_readers_out(log):
    log_verdicts(log, [ONE])
    with sqlite3.connect(log) as opened:
        found = [
            opened.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("application_id", "user_version", "journal_mode")
        ]
    opened.close()
    assert found == [audit_log.APPLICATION, 1, "wal"]


def write_many(log: Path, start: int, count: int) -> None:
    for number in range(start, start + count):
        log_verdicts(log, [replace(ONE, frame=number), replace(ONE, frame=number)])


def test_many_processes_and_threads_lose_nothing(log):
    """All of them find no file and make it at once."""
    program = "import sys, pathlib, tests.test_audit_log as one; "
    program += "one.write_many(pathlib.Path(sys.argv[1]), int(sys.argv[2]), 10)"
    processes = [
        subprocess.Popen([sys.executable, "-c", program, log, str(100 * i)], cwd=PROJECT_FOLDER)
        for i in range(2)
    ]
    threads = [threading.Thread(target=write_many, args=(log, 1000 * i, 10)) for i in range(1, 7)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(120)
    assert [one.wait(120) for one in processes] == [0, 0]
    starts = [0, 100, *range(1000, 7000, 1000)]
    expected = sorted(2 * [start + i for start in starts for i in range(10)])
    rows = list(read_log(log))
    assert sorted(row[COLUMNS.index("frame")] for row in rows) == expected


def test_a_writer_waits_for_another(log):
    log_verdicts(log, [ONE])
    other = sqlite3.connect(log, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    threading.Timer(0.3, other.commit).start()
    log_verdicts(log, [ONE])
    assert len(list(read_log(log))) == 2
    other.close()


def test_a_writer_that_waits_in_vain_says_so_and_leaves_nothing(log, monkeypatch):
    log_verdicts(log, [ONE])
    monkeypatch.setattr(audit_log, "PATIENCE", 0.05)
    other = sqlite3.connect(log, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(AuditLogError, match="cannot be written: database is locked"):
        log_verdicts(log, [ONE])
    other.rollback()
    other.close()
    assert len(list(read_log(log))) == 1


def test_all_of_a_batch_is_written_or_none(log):
    log_verdicts(log, [ONE])
    with pytest.raises(AuditLogError, match="cannot be written"):
        log_verdicts(log, [ONE, replace(ONE, frame="first")])
    assert len(list(read_log(log))) == 1


@contextmanager
def full_disk(pages: int) -> Iterator[None]:
    """SQLite finds no room for more pages than these in any file that it opens meanwhile.

    It never takes away those that a file has already. Before a file's first page the limit says
    nothing, and what SQLite says where there is no room for that one is put in its mouth.
    """

    class Full(sqlite3.Connection):
        def execute(self, command: str, *more: Any) -> sqlite3.Cursor:
            if not pages and command.startswith("PRAGMA journal_mode"):
                error = sqlite3.OperationalError("database or disk is full")
                error.sqlite_errorcode = sqlite3.SQLITE_FULL
                raise error
            return super().execute(command, *more)

    def opened(*where: Any, **options: Any) -> sqlite3.Connection:
        log = connect(*where, factory=Full, **options)
        log.execute(f"PRAGMA max_page_count = {max(pages, 1)}")
        return log

    connect = sqlite3.connect
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite3, "connect", opened)
        yield


FULL = "The audit log cannot be written: database or disk is full."


@pytest.mark.parametrize("pages", [0, 1])
def test_on_a_full_disk_no_log_is_begun_and_none_is_waited_for(log, monkeypatch, pages):
    def no_waiting(seconds):
        raise AssertionError(f"waited {seconds} s")

    monkeypatch.setattr(time, "sleep", no_waiting)
    with full_disk(pages), pytest.raises(AuditLogError, match=FULL):
        log_verdicts(log, [ONE])
    log_verdicts(log, [ONE])
    assert len(list(read_log(log))) == 1


def test_where_the_disk_fills_up_all_that_was_logged_stays_and_nothing_is_half_there(log):
    log_verdicts(log, [ONE])
    with full_disk(2):
        log_verdicts(log, [replace(ONE, frame=1)])
        with pytest.raises(AuditLogError, match=FULL):
            log_verdicts(log, [replace(ONE, frame=frame) for frame in range(2, 99)])
    assert [row[COLUMNS.index("frame")] for row in read_log(log)] == [0, 1]
    log_verdicts(log, [replace(ONE, frame=frame) for frame in range(2, 99)])
    assert [row[COLUMNS.index("frame")] for row in read_log(log)] == [*range(99)]


@pytest.mark.parametrize(
    "content", [b"This is a letter.\n" * 99, b"SQLite format 3\0" + b"x" * 999]
)
def test_a_file_that_is_no_database_is_refused_and_not_touched(log, content):
    log.write_bytes(content)
    for attempt in (lambda: log_verdicts(log, [ONE]), lambda: list(read_log(log))):
        with pytest.raises(AuditLogError, match="is no audit log of PneumoLens"):
            attempt()
    assert log.read_bytes() == content
    assert [file.name for file in log.parent.iterdir()] == [log.name]


def test_another_database_is_refused_and_not_touched(log):
    with sqlite3.connect(log) as other:
        other.execute("CREATE TABLE verdicts (patient TEXT)")
    other.close()
    content = log.read_bytes()
    for attempt in (lambda: log_verdicts(log, [ONE]), lambda: list(read_log(log))):
        with pytest.raises(AuditLogError, match="is no audit log of PneumoLens"):
            attempt()
    assert log.read_bytes() == content


def test_a_log_of_another_version_is_refused(log):
    log_verdicts(log, [ONE])
    with sqlite3.connect(log) as other:
        other.execute("PRAGMA user_version = 2")
    other.close()
    with pytest.raises(AuditLogError, match="of version 2, this PneumoLens writes version 1"):
        log_verdicts(log, [ONE])


def test_where_there_is_no_folder_it_says_so(tmp_path):
    with pytest.raises(AuditLogError, match="The audit log cannot be written: unable to open"):
        log_verdicts(tmp_path / "nowhere" / "log.sqlite", [ONE])
    with pytest.raises(AuditLogError, match="There is no file"):
        list(read_log(tmp_path / "nowhere"))
    with pytest.raises(AuditLogError, match="cannot be written: unable to open"):
        log_verdicts(tmp_path, [ONE])
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_log_that_must_not_be_written_says_so(log):
    log_verdicts(log, [ONE])
    log.chmod(0o400)
    with pytest.raises(AuditLogError, match="cannot be written"):
        log_verdicts(log, [ONE])


def test_the_command_writes_a_table(log, tmp_path, capsys):
    risky = replace(ONE, operating_point='=HYPERLINK("x")')
    log_verdicts(log, [ONE, risky])
    out = tmp_path / "log.csv"
    assert main(["audit-log", str(log), "--csv", str(out)]) == 0
    assert "2 verdicts are in" in capsys.readouterr().out
    with out.open(newline="", encoding="utf-8") as file:
        first, second = csv.DictReader(file)
    assert first["image_sha256"] == "a" * 64
    assert (first["run"], float(first["probability"]), first["frame"]) == ("tiny", 0.8125, "0")
    assert second["operating_point"] == '\'=HYPERLINK("x")'
    assert main(["audit-log", str(log)]) == 0
    assert capsys.readouterr().out == as_csv(read_log(log)) == out.read_text("utf-8")


def test_what_a_spreadsheet_would_run_is_told_as_in_every_other_table():
    row = ("now", "\t=1+1", "@sum", "-1", "plain", -1, -0.5)
    assert as_csv([row]).splitlines()[1] == "now,'\t=1+1,'@sum,'-1,plain,-1,-0.5"


def test_the_command_says_what_is_wrong(tmp_path, capsys):
    assert main(["audit-log", str(tmp_path / "none"), "--csv", str(tmp_path / "out")]) == 1
    assert "There is no file" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
