"""Scores an archive again and again, each time killed for good at another moment.

    python tests/archive_kills.py INPUT OUT

Prints a line of JSON for each try: the moment, the signal it ended by (0: none), and the parts that
were there afterwards with the inode of each. Each try is a process of its own, forked before torch
has worked.
"""

import json
import os
import signal
import sys
from pathlib import Path

import torch  # noqa: F401

from pneumo_core import archive_scores
from pneumo_core.__main__ import main

MOMENTS = (
    ("before", "manifest.csv"),
    ("before", "job.json"),
    ("batch", 1),
    ("before", "part-00001.csv"),
    ("after", "part-00002.csv"),
    ("batch", 3),
    ("after", "part-00005.csv"),
    ("before", "bad_files.csv"),
    ("before", "summary.json"),
    ("", ""),
)
"""Before or after a file gets its name, or at a batch, from 0; the last try is left alone."""


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def armed(when: str, what: object) -> None:
    replace, predict, batches = Path.replace, archive_scores.predict_logits, []

    def replacing(self: Path, target: Path) -> Path:
        if (when, what) == ("before", target.name):
            die()
        done = replace(self, target)
        if (when, what) == ("after", target.name):
            die()
        return done

    def predicting(*arguments: object, **options: object) -> object:
        if (when, what) == ("batch", len(batches)):
            die()
        batches.append(0)
        return predict(*arguments, **options)

    Path.replace = replacing
    archive_scores.predict_logits = predicting


if __name__ == "__main__":
    source, out = sys.argv[1:]
    arguments = ["predict", "--input", source, "--out", out, "--part-size", "5"]
    for when, what in MOMENTS:
        child = os.fork()
        if child == 0:
            armed(when, what)
            os._exit(main([*arguments, "--batch-size", "4", "--workers", "1"]))
        _, status = os.waitpid(child, 0)
        parts = {path.name: path.stat().st_ino for path in Path(out).glob("scores/part-*")}
        line = {"moment": f"{when} {what}", "signal": status & 0x7F, "parts": parts}
        print(json.dumps(line), flush=True)
