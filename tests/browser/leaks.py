"""What a server leaves behind: planted strings are looked for in all that it wrote and was asked.

The strings are made anew for every test, so that no source, test or earlier run holds them.
"""

import base64
import os
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

JOURNAL = "LEAKS_JOURNAL"
"""Environment variable: where Python processes note which files they open to write."""

# In a folder on PYTHONPATH. An audit hook sees temporary files too that never have a name.
HOOK = f"""
import os, sys

journal = os.open(os.environ["{JOURNAL}"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)

def note(event, details):
    if event == "open" and details[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        if isinstance(details[0], (str, bytes)):
            os.write(journal, os.fsencode(os.path.abspath(details[0])) + b"\\n")

sys.addaudithook(note)
"""

_HOMES = ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")
_LISTS = (", ", ",", " ", "\n")
# Bytecode on its way to its name, a lock, and the file by which `tempfile` tries a folder out.
_PASSING = re.compile(r".*\.pyc(\.\d+)?|.*\.matplotlib-lock|[a-z0-9_]{8}")


def token() -> str:
    """A string that is found whatever escapes are used, and may stand in any DICOM tag."""
    return "ZQ" + secrets.token_hex(5).upper()


@dataclass(frozen=True)
class Planted:
    """What must not be found.

    Attributes:
        texts: What each is -> letters and digits only.
        runs: What each is -> bytes that occur nowhere by chance: of pixels, or of a file.
    """

    texts: Mapping[str, str]
    runs: Mapping[str, bytes]

    def only(self, *names: str) -> "Planted":
        """The texts of those names, and no runs."""
        return Planted({name: self.texts[name] for name in names}, {})

    def found_in(self, content: bytes) -> list[str]:
        """What of it is in some bytes, plain or as text is often written."""
        lower = content.lower()
        found = []
        for name, text in self.texts.items():
            plain = text.encode()
            forms = {plain, b"\0".join(bytes([letter]) for letter in plain), *_in_hex(plain)}
            if any(form.lower() in lower for form in forms) or _in_base64(plain, content):
                found.append(name)
        for name, run in self.runs.items():
            levels = np.frombuffer(run, np.uint8)
            forms = {run, (levels / np.float32(255)).tobytes(), levels.astype("<u2").tobytes()}
            forms |= {sign.join(map(str, levels)).encode() for sign in _LISTS}
            forms |= {repr(run)[2:-1].encode()}
            coded = any(form in lower for form in _in_hex(run)) or _in_base64(run, content)
            if coded or any(form in content for form in forms):
                found.append(name)
        return found


def _in_hex(plain: bytes) -> set[bytes]:
    """Hexadecimal, lower case: run together, with spaces, as percents, as escapes."""
    return {
        sign.join([b"", *(b"%02x" % each for each in plain)] if sign in (b"%", b"\\x") else
                  [b"%02x" % each for each in plain])
        for sign in (b"", b" ", b"%", b"\\x")
    }  # fmt: skip


def _in_base64(plain: bytes, content: bytes) -> bool:
    """Whether bytes are there in base64, wherever in the coded whole they begin."""
    for before in range(3):
        after = -(before + len(plain)) % 3
        coded = base64.b64encode(bytes(before) + plain + bytes(after))
        # What shares a letter with a neighbour is left out.
        sure = coded[(0, 2, 3)[before] : len(coded) - (0, 2, 3)[after]]
        if sure in content or sure.translate(bytes.maketrans(b"+/", b"-_")) in content:
            return True
    return False


class Surroundings:
    """Folders of its own for a server, and what has become of them and of the project's."""

    def __init__(self, folder: Path, *watched: Path) -> None:
        self.folder = folder
        self.journal = folder / "journal" / "writes"
        hook = folder / "hook"
        for place in (self.journal.parent, hook, *(folder / name for name in _HOMES)):
            place.mkdir(parents=True)
        (hook / "sitecustomize.py").write_text(HOOK, "utf-8")
        self.environment = {
            **{name: str(folder / name) for name in _HOMES},
            "PYTHONPATH": str(hook),
            JOURNAL: str(self.journal),
        }
        self.watched = (*(folder / name for name in _HOMES), *watched)
        self.before = dict(_files(self.watched))

    def opened(self) -> list[Path]:
        """Every path that a Python process has opened to write, in order."""
        return [Path(os.fsdecode(line)) for line in self.journal.read_bytes().splitlines()]

    def written(self) -> list[Path]:
        """Every file that is new or has changed, and every other one that was opened to write."""
        now = dict(_files(self.watched))
        changed = {path for path, state in now.items() if self.before.get(path) != state}
        return sorted(changed | {path for path in self.opened() if path.is_file()})

    def vanished(self) -> list[Path]:
        """What was opened to write and cannot be looked at any more, or never had a name."""
        return [
            path
            for path in self.opened()
            if not path.is_file()
            and not path.is_char_device()
            and not _PASSING.fullmatch(path.name)
        ]


def _files(roots: Iterable[Path]) -> Iterable[tuple[Path, tuple[int, int]]]:
    for root in roots:
        for folder, folders, names in os.walk(root):
            folders[:] = [name for name in folders if name not in (".git", ".venv", ".ruff_cache")]
            for name in names:
                path = Path(folder, name)
                try:
                    state = path.stat()
                except OSError:  # gone meanwhile
                    continue
                yield path, (state.st_mtime_ns, state.st_size)
