"""Uploads are taken apart in memory by the server that streamlit brings."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.datastructures import Headers
from starlette.formparsers import MultiPartParser

from ui.uploads import keep_in_memory

FILM = bytes(3 * 2**20)


def on_disk() -> bool:
    """Whether a file of 3 MB comes by way of a temporary file."""
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="film.dcm"\r\n\r\n'

    async def body() -> AsyncIterator[bytes]:
        yield head + FILM + b"\r\n--x--\r\n"

    async def parsed() -> tuple[bool, bytes]:
        headers = Headers({"content-type": "multipart/form-data; boundary=x"})
        form = await MultiPartParser(headers, body()).parse()
        try:
            return form["file"].file._rolled, await form["file"].read()
        finally:
            await form.close()

    rolled, data = asyncio.run(parsed())
    assert data == FILM
    return rolled


def test_large_uploads_stay_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MultiPartParser, "spool_max_size", 2**20)  # its own
    assert on_disk()
    keep_in_memory()
    assert not on_disk()
