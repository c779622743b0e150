"""DICOM files are taken apart in a process of their own, with limits of time and memory.

GDCM, which alone decodes lossless JPEG, aborts or breaks memory on about one in a hundred files
with flipped bits, CharLS (JPEG-LS) may go on for ever, and pydicom nests as deep as a file asks. So
a film's bytes go to a child process, and what comes back is JSON and plain arrays; if nothing comes
back in time, the child is killed and a new one started for the next film. What the libraries print
or log about a file dies with the child's output.

`python -m pneumo_core.dicom_process` is the child; it ends when its input does.
"""

import atexit
import json
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from threading import BoundedSemaphore, Timer
from time import monotonic
from typing import BinaryIO

import numpy as np

from pneumo_core.dicom import DicomFacts, DicomFilm, Table, Window
from pneumo_core.errors import ImageError
from pneumo_core.files import PROJECT_FOLDER

TIME_LIMIT = 8.0
"""Seconds one film may take to decode; a child may have to be started before."""

MEMORY_LIMIT = 900 * 2**20
"""Bytes the child may use on top of what it needs when idle (Linux only)."""

PROCESSES = 2
"""Most children at the same time; more films wait."""

_DAMAGED = "This DICOM cannot be read: it is damaged, cut short or of a rare kind; export it again."
_TOO_SLOW = "This DICOM takes too long or too much memory to decode: export it uncompressed."
_REQUEST = struct.Struct("<qq")
_LENGTH = struct.Struct("<q")

_places = BoundedSemaphore(PROCESSES)
_idle: list[subprocess.Popen] = []
if hasattr(os, "register_at_fork"):  # a fork must not talk to its parent's children
    os.register_at_fork(after_in_child=_idle.clear)


class _NoAnswerError(Exception):
    """A child died over a film."""


def film_of(data: bytes, frame: int) -> DicomFilm:
    """One frame of a DICOM file; see `dicom.read_dicom`.

    Raises:
        ImageError: It cannot be read, or not within the limits.
    """
    with _places:
        for child in _waiting():
            with suppress(_NoAnswerError):  # it may have died of the film before: another one tells
                return _answer(child, data, frame)
        try:
            return _answer(_started(), data, frame)
        except _NoAnswerError as error:
            raise ImageError(_DAMAGED) from error


def _answer(child: subprocess.Popen, data: bytes, frame: int) -> DicomFilm:
    """What a child makes of a film; the child is kept for the next one unless that went wrong."""
    end = monotonic() + TIME_LIMIT
    late = Timer(TIME_LIMIT, child.kill)
    late.start()
    try:
        child.stdin.write(_REQUEST.pack(len(data), frame))
        child.stdin.write(data)
        child.stdin.flush()
        answer = _received(child.stdout)
    except Exception as error:
        _end(child)
        if monotonic() >= end:
            raise ImageError(_TOO_SLOW) from error
        raise _NoAnswerError from error
    except BaseException:  # stopped half-way: the answer is still under way
        _end(child)
        raise
    finally:
        late.cancel()
    _idle.append(child)
    if isinstance(answer, str):
        raise ImageError(answer)
    return answer


def _waiting() -> Iterator[subprocess.Popen]:
    """Take idle children, one after the other."""
    while True:
        try:
            yield _idle.pop()
        except IndexError:  # another thread may have been quicker
            return


def _started() -> subprocess.Popen:
    child = subprocess.Popen(
        [sys.executable, "-m", "pneumo_core.dicom_process"],
        cwd=PROJECT_FOLDER,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    if child.stdout.read(1) != b"+":
        _end(child)
        raise ImageError(
            "DICOM cannot be read here: install pydicom, python-gdcm and pyjpegls as "
            "requirements.txt names them."
        )
    return child


@atexit.register
def _end_idle() -> None:
    for child in _waiting():
        _end(child)


def _end(child: subprocess.Popen) -> None:
    child.kill()
    child.stdout.close()
    with suppress(OSError):  # what it did not take in is still in the buffer
        child.stdin.close()
    child.wait()


def _received(stream: BinaryIO) -> DicomFilm | str:
    """Read what `_send` or `_send_text` wrote: a film, or the sentence that refuses it."""
    answer = json.loads(_read(stream, _LENGTH.unpack(_read(stream, _LENGTH.size))[0]))
    if "error" in answer:
        return answer["error"]
    arrays = [
        np.frombuffer(_read(stream, size), dtype).reshape(shape)
        for dtype, shape, size in answer["arrays"]
    ]
    windows = tuple(
        Table(window["name"], arrays[window["table"]]) if "table" in window else Window(**window)
        for window in answer["windows"]
    )
    return DicomFilm(
        stored=arrays[0],
        values=arrays[1],
        padding=answer["padding"] and tuple(answer["padding"]),
        colourful=answer["colourful"],
        windows=windows,
        chosen=answer["chosen"],
        facts=DicomFacts(**answer["facts"]),
    )


def _read(stream: BinaryIO, size: int) -> bytes:
    content = stream.read(size)
    if len(content) < size:
        raise EOFError
    return content


def _send(stream: BinaryIO, film: DicomFilm) -> None:
    """Write a film as the length of a JSON text, the text, and the bytes of its arrays."""
    arrays = [film.stored, film.values]
    windows = []
    for window in film.windows:
        if isinstance(window, Table):
            windows.append({"name": window.name, "table": len(arrays)})
            arrays.append(window.table)
        else:
            windows.append(asdict(window))
    _send_text(
        stream,
        {
            "facts": asdict(film.facts),
            "windows": windows,
            "padding": film.padding,
            "colourful": film.colourful,
            "chosen": film.chosen,
            "arrays": [(array.dtype.str, array.shape, array.nbytes) for array in arrays],
        },
    )
    for array in arrays:
        stream.write(np.ascontiguousarray(array).data)


def _send_text(stream: BinaryIO, content: dict) -> None:
    text = json.dumps(content).encode()
    stream.write(_LENGTH.pack(len(text)) + text)


def _serve() -> None:
    """Answer one film after another until the input ends."""
    # What native decoders print must not get in between: the answers have a pipe of their own.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    # GDCM opens its copies of zlib and OpenJPEG to every library that is loaded after it, and they
    # do not fit: zlib then frees memory twice. So the others come first.
    import zlib  # noqa: F401

    import jpeg_ls  # noqa: F401
    from PIL import _imaging  # noqa: F401

    from pneumo_core.dicom_file import open_film

    _limit_memory()
    answers.write(b"+")
    answers.flush()
    while len(request := sys.stdin.buffer.read(_REQUEST.size)) == _REQUEST.size:
        size, frame = _REQUEST.unpack(request)
        data = sys.stdin.buffer.read(size)
        try:
            film = open_film(data, frame)
        except ImageError as error:
            _send_text(answers, {"error": str(error)})
        except MemoryError:
            _send_text(answers, {"error": _TOO_SLOW})
        except Exception:  # a damaged file brings everything out of pydicom and its decoders
            _send_text(answers, {"error": _DAMAGED})
        else:
            _send(answers, film)
            del film
        del data
        answers.flush()


def _limit_memory() -> None:
    """Let no film take more than `MEMORY_LIMIT`, where the system can see to that."""
    try:
        import resource

        idle = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (idle + MEMORY_LIMIT,) * 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a dump would hold a patient's picture
    except (ImportError, OSError, ValueError):
        return


if __name__ == "__main__":
    _serve()
