"""The command `python -m pneumo_core predict`: a few images, or an archive of any size."""

import json
import os
import signal
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from pneumo_core import NOTICE
from pneumo_core.errors import STOPPED, DataError, PneumoError

if TYPE_CHECKING:
    import torch

    from pneumo_core.archive_job import Job
    from pneumo_core.runs import Run

BATCH = 32
"""Films that go through the network together: on CPUs more are no faster."""

PART = 1024
"""Films of a table: what a kill costs each process at most. A multiple of `BATCH`, because films of
two tables do not go through the network together."""


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command."""
    parser.add_argument("images", nargs="*", help="image files: a line of JSON for each")
    parser.add_argument("--run", help="name or folder of a run (default: the default)")
    archive = parser.add_argument_group(
        "an archive of any size (with torchrun: by several processes)"
    )
    archive.add_argument(
        "--input",
        metavar="PLACE",
        help="a CSV file with a column 'file', a text file with one path a line, or a folder",
    )
    archive.add_argument("--out", metavar="FOLDER", help="for the tables; a stopped job goes on")
    archive.add_argument("--format", choices=("csv", "parquet"), default="csv", help="default csv")
    archive.add_argument(
        "--part-size",
        type=int,
        default=PART,
        metavar="N",
        help=f"films of a table (default {PART})",
    )
    archive.add_argument(
        "--batch-size",
        type=int,
        default=BATCH,
        metavar="N",
        help=f"films that go through the network together (default {BATCH})",
    )
    archive.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="threads that open files, and threads that run the network (default: one a core)",
    )
    archive.add_argument("--device", default="cpu", help="cpu, cuda or auto (default cpu)")
    parser.set_defaults(command=predict, usage_error=parser.error)


def predict(options: Namespace) -> int:
    """Run the command; returns the exit status.

    Raises:
        PneumoError: There is no such run, or the archive's list or its folder make no sense.
        OSError: Something cannot be read or written.
    """
    archive, images = options.input is not None, bool(options.images)
    if archive == images or archive != (options.out is not None):
        options.usage_error("give image files, or an archive: --input PLACE --out FOLDER")
    if not archive:
        return _each(options)
    for name in ("part_size", "batch_size", "workers"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise DataError(f"--{name.replace('_', '-')} must be at least 1.")
    return _archive(options)


def _each(options: Namespace) -> int:
    from pneumo_core.detector import PneumoniaDetector

    detector = PneumoniaDetector(options.run)
    failed = False
    for name in options.images:
        try:
            verdict = {"image": name, **detector.predict(name)}
        except PneumoError as error:
            verdict, failed = {"image": name, "error": str(error)}, True
        # ASCII only: a file name need not be text that the terminal, or UTF-8, can carry.
        print(json.dumps(verdict))
    print(NOTICE, file=sys.stderr)
    return 1 if failed else 0


def _archive(options: Namespace) -> int:
    from pneumo_core.archive_job import opened_job
    from pneumo_core.runs import default_run, read_run

    run = read_run(options.run) if options.run else default_run()
    source, out = Path(options.input).expanduser(), Path(options.out).expanduser()
    job = opened_job(out, source, run, options.format, options.part_size)
    folder = source if source.is_dir() else source.parent
    # Nothing else of torchrun is needed: no process waits for another.
    process, processes = _told("RANK", 0), _told("WORLD_SIZE", 1)
    mine = [part for part in job.missing() if part % processes == process]
    job.tidy(mine)
    with _polite_kill():
        try:
            _score(job, mine, folder, run, options, f"process {process + 1} of {processes}")
            summary = job.finish()
        except KeyboardInterrupt:
            left = len(job.missing())
            print(
                f"\nStopped; {job.parts - left} of {job.parts} parts are there. The same command "
                "goes on.",
                file=sys.stderr,
            )
            return STOPPED
    if summary is None:
        print(
            f"Process {process + 1} of {processes} is done; parts that others still have to "
            f"write: {len(job.missing())}.",
            file=sys.stderr,
        )
        # Not a failure: torchrun would end the other processes.
        return 0
    bad = summary["bad_files"]
    listed = f" (listed in {out / 'bad_files.csv'})" if bad else ""
    print(f"{summary['scored']} films scored in {out / 'scores'}, {bad} bad files{listed}.")
    print(NOTICE, file=sys.stderr)
    return 0


def _score(
    job: "Job", parts: list[int], folder: Path, run: "Run", options: Namespace, who: str
) -> None:
    """Score the films of these parts and write each part as soon as it is whole."""
    if not parts:
        return
    import torch
    from tqdm import tqdm

    from pneumo_core.archive_scores import scored

    workers = options.workers or max(1, _cores() // _told("LOCAL_WORLD_SIZE", 1))
    # Threads side by side do better than threads that wait for one another at every layer.
    torch.set_num_threads(1)
    films = min(len(parts) * job.part_size, job.films)
    # In a log file, a line a minute.
    pause = 0.2 if sys.stderr.isatty() else 60
    with tqdm(total=films, unit="film", desc=who, mininterval=pause, maxinterval=pause) as bar:
        rows = scored(
            run,
            job.entries(parts),
            folder,
            part_size=job.part_size,
            batch_size=options.batch_size,
            workers=workers,
            device=_device(options.device),
        )
        for part, group in groupby(rows, lambda row: (row.number - 1) // job.part_size):
            whole = []
            for row in group:
                whole.append(row)
                bar.update()
            job.write(part, whole)


def _told(name: str, alone: int) -> int:
    """What torchrun says in the environment; without it, what is true of a lone process."""
    return int(os.environ.get(name, alone))


def _cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _device(name: str) -> "torch.device":
    """The device of that name; of several GPUs, this process's own."""
    import torch

    from pneumo_core.devices import pick_device

    device = pick_device(name)
    if device.type == "cuda" and device.index is None:
        return torch.device("cuda", _told("LOCAL_RANK", 0) % torch.cuda.device_count())
    return device


@contextmanager
def _polite_kill() -> Iterator[None]:
    """Answer a polite kill, as torchrun and clusters send it, as Ctrl-C is answered."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
