"""Uploads on their way in: streamlit's server would write those of more than 1 MB to the disk."""

from starlette.formparsers import MultiPartParser


def keep_in_memory() -> None:
    """Have the server take uploads apart in memory, whatever their size.

    Starlette, which streamlit's server is built on, parses forms through a `SpooledTemporaryFile`:
    beyond `spool_max_size` it becomes a file without a name in the system's temporary folder. Zero
    is its word for no limit; `server.maxUploadSize` stays the one for what a request may hold.
    Nobody uploads before a page has run once, so calling this from the frame is early enough.
    """
    MultiPartParser.spool_max_size = 0
