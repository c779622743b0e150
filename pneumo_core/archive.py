"""Many files at once, some of them ZIP archives: one candidate for a film after the other.

Nothing is unpacked to disk, so that a member's name leads nowhere: it is only shown. One bad file
never stops the rest. Whether a candidate is a film is for `images.read_image` to say.
"""

import io
import re
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

from pneumo_core.images import MAX_BYTES

MAX_MEMBERS = 1000
"""Most members an archive may have, folders included."""

MAX_UNPACKED = 2 * 2**30
"""Most bytes the members of one archive may unpack to, together."""

MAX_RATIO = 200
"""How many times its packed size a member of more than 1 MiB may unpack to; four public films come
to 1.1 to 3.8, and deflate itself stops at 1030."""

NAME_LENGTH = 80
"""Characters of a name that are shown; of a longer one, its end."""

_ZIP = re.compile(rb"PK(\x03\x04|\x05\x06|\x07\x08)")
_ENTRY = b"PK\1\2"
_LITTER = re.compile(r"(^|/)(__MACOSX/|\.DS_Store$|\._[^/]*$|Thumbs\.db$|desktop\.ini$)")
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 1
_BLOCK = 2**20


@dataclass(frozen=True)
class Candidate:
    """A file that may be a film.

    Attributes:
        name: To show; of a member of an archive, its path there. It may hold anything that can be
            printed, markup included.
        data: Its bytes; None where it cannot be had.
        error: The sentence that says why not; None where it can.
    """

    name: str
    data: bytes | None = field(repr=False)
    error: str | None = None


@dataclass(frozen=True, eq=False)
class Entry:
    """A candidate that has not been unpacked yet.

    Attributes:
        path: Where it lies, as `cleaned` gives it: the whole of it, folders included.
        read: Unpacks it.
        error: The sentence that says why nothing in an archive can be had; None for a file.
    """

    path: str
    read: Callable[[], Candidate]
    error: str | None = None


def candidates(files: Iterable[tuple[str, bytes]]) -> Iterator[Candidate]:
    """Give every file, and every member of every file that is a ZIP archive, one at a time.

    Folders and what systems leave in archives (`__MACOSX/`, `.DS_Store`, ...) are left out.

    Args:
        files: Names to show, and contents; an archive is known by its content.
    """
    return (entry.read() for entry in entries(files))


def entries(files: Iterable[tuple[str, bytes]]) -> Iterator[Entry]:
    """Give what `candidates` gives, in its order, with nothing unpacked."""
    for name, data in files:
        if is_archive(data):
            yield from _members(name, data)
        else:
            yield _entry(name, partial(Candidate, shown(name), data))


def how_many(files: Iterable[tuple[str, bytes]]) -> int:
    """How many candidates files will give at most, without unpacking any: for a progress bar."""
    return sum(_entries(data) if is_archive(data) else 1 for _, data in files)


def _entries(data: bytes) -> int:
    return max(1, min(data.count(_ENTRY), MAX_MEMBERS))


def is_archive(data: bytes) -> bool:
    """Whether a file is a ZIP archive, by its content."""
    return _ZIP.match(data) is not None


def shown(name: str) -> str:
    """A name as it can be shown: `cleaned`, and not too long."""
    name = cleaned(name)
    return name if len(name) <= NAME_LENGTH else "…" + name[1 - NAME_LENGTH :]


def cleaned(name: str) -> str:
    """A name without what does not print or leads upwards, its folders parted by slashes."""
    name = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in name)
    parts = [part.strip() for part in name.replace("\\", "/").split("/")]
    return "/".join(part for part in parts if part not in ("", ".", "..")) or "(no name)"


def _entry(name: str, read: Callable[[], Candidate], error: str | None = None) -> Entry:
    return Entry(cleaned(name), read, error)


def _members(name: str, data: bytes) -> Iterator[Entry]:
    def refused(sentence: str) -> Entry:
        return _entry(name, partial(Candidate, shown(name), None, sentence), sentence)

    # Counted before the list is built, which takes time and memory with every entry.
    if data.count(_ENTRY) > MAX_MEMBERS:
        yield refused(f"This ZIP holds more than {MAX_MEMBERS} files: split it.")
        return
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except Exception:  # a damaged archive brings out more than BadZipFile
        yield refused("This ZIP is damaged or cut short: pack it again.")
        return
    members = [member for member in archive.infolist() if not member.filename.endswith("/")]
    if any(member.filename == "[Content_Types].xml" for member in members):
        yield refused("This is an Office file: export the image from it.")
        return
    members = [member for member in members if not _LITTER.search(member.filename)]
    if not members:
        yield refused("This ZIP is empty: pack the films into it.")
    if sum(member.file_size for member in members) > MAX_UNPACKED:
        yield refused(f"This ZIP unpacks to more than {MAX_UNPACKED // 2**30} GiB: split it.")
        return
    for member in members:
        yield _entry(member.filename, partial(_member, archive, member))


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Candidate:
    name = shown(member.filename)
    sentence = _objection(member)
    if sentence is None:
        data = _unpacked(archive, member)
        if data is None:
            sentence = "This file in the ZIP is damaged: pack it again."
        elif is_archive(data):
            sentence = "This is a ZIP in a ZIP: unpack it first."
        else:
            return Candidate(name, data)
    return Candidate(name, None, sentence)


def _objection(member: zipfile.ZipInfo) -> str | None:
    """What speaks against unpacking a member, from its entry alone."""
    if member.flag_bits & _ENCRYPTED:
        return "This file in the ZIP is locked with a password: pack it without."
    if member.compress_type not in _PACKED:  # of the others, blocks cannot be unpacked bit by bit
        return "This file is packed in a rare way: pack it as an ordinary ZIP."
    if member.file_size > MAX_BYTES:
        return f"This file is bigger than {MAX_BYTES // 2**20} MiB: export a smaller image."
    if member.file_size > max(_BLOCK, MAX_RATIO * member.compress_size):
        return "This file unpacks to far more than a film does: it is not opened."
    return None


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes | None:
    """A member's bytes, no more of them than its entry says; None where it is damaged."""
    parts = []
    try:
        with archive.open(member) as file:
            while part := file.read(_BLOCK):
                parts.append(part)
    except Exception:  # zlib.error, EOFError, struct.error and more beside BadZipFile
        return None
    return b"".join(parts)
