"""Files that are either whole or not there: atomic writes, checked downloads, hashes."""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pneumo_core.errors import DataError

PROJECT_FOLDER = Path(__file__).resolve().parents[1]
"""Folder that holds `pneumo_core/`, `weights/` and the rest."""


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a temporary path in the same folder that becomes `path` when the block succeeds.

    The content reaches the disk before the rename, so that a crash or a full disk at any moment
    leaves either the old file or the new one, never half of one.

    Raises:
        OSError: If the file cannot be written; nothing is left behind then.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # Windows can only sync a file that is open for writing.
        with temporary.open("r+b") as file:
            os.fsync(file.fileno())
        # mkstemp makes files private; a run on a shared disk should be readable as usual.
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> None:
    """Write `content` as indented JSON, whole or not at all.

    Raises:
        OSError: If it cannot be written.
        ValueError: If a number is not finite, which JSON does not know.
    """
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def download(
    url: str, target: Path, md5: str, progress: Callable[[float], None] | None = None
) -> None:
    """Download `url` to `target`, whole and with the MD5 it must have.

    Args:
        url: Where from.
        target: Where to; its folder is made.
        md5: Hexadecimal MD5 that the content must have.
        progress: Called with the share that has arrived, 0 to 1.

    Raises:
        OSError: If the network or the disk fails (urllib's errors are OSErrors).
        DataError: If the answer breaks off or makes no sense, or the content has another MD5.
    """
    from http.client import HTTPException
    from urllib.request import urlopen

    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.md5(usedforsecurity=False)
    try:
        with (
            urlopen(url, timeout=30) as response,
            written_whole(target) as temporary,
            temporary.open("wb") as file,
        ):
            total = int(response.headers.get("Content-Length") or 0)
            received = 0
            while block := response.read(1 << 16):
                file.write(block)
                digest.update(block)
                received += len(block)
                if progress and total:
                    progress(min(received / total, 1.0))
            if digest.hexdigest() != md5:
                raise DataError("what arrived has the wrong MD5")
    except HTTPException as error:
        raise DataError("the server's answer broke off or was not HTTP") from error
