"""All benchmarks one after the other, and their tables in docs/speed.md: `make bench`.

.venv/bin/python -m benchmarks                  all of them; keep the machine quiet meanwhile
.venv/bin/python -m benchmarks verdict gradcam  only these
.venv/bin/python -m benchmarks --tables         only renew the tables from benchmarks/results
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.measure import RESULTS, Ratio
from pneumo_core.markdown import renew, table

PAGE = Path(__file__).resolve().parent.parent / "docs" / "speed.md"
BENCHMARKS = (
    "verdict",
    "gradcam",
    "cold_start",
    "first_page",
    "training_epoch",
    "two_processes",
    "archive",
    "many_users",
    "large_evaluations",
)
"""Those that end in `measure.record`, in this order."""


def main() -> int:
    """Run and renew; returns 1 if one of them failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", choices=[[], *BENCHMARKS], metavar="NAME")
    parser.add_argument("--tables", action="store_true")
    options = parser.parse_args()
    failed = []
    for name in () if options.tables else options.names or BENCHMARKS:
        print(f"== {name}", flush=True)
        start = time.monotonic()
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode:
            failed.append(name)
        print(f"   {time.monotonic() - start:.0f} s\n", flush=True)
    for name in BENCHMARKS:
        path = RESULTS / f"{name}.json"
        if path.exists():
            renew(PAGE, name, page_part(json.loads(path.read_text(encoding="utf-8"))))
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


def page_part(result: dict) -> str:
    """One benchmark's ratios, notes and machine as Markdown."""
    rows = [("What", "Against", "Ratio", "Bar", "Both figures")]
    for content in result["ratios"]:
        one = Ratio(**content)
        verdict = {None: "–", True: f"{one.bar}, met", False: f"{one.bar}, **not met**"}[one.met]
        rows.append((one.what, one.against, f"{one.ratio:.3g}", verdict, one.detail))
    machine = result["machine"]
    where = (
        f"{machine['cores']} cores of {machine['processor']}, torch {machine['torch']}, "
        f"load average {machine['load_average']} at the end."
    )
    notes = "\n".join(f"- {note}" for note in [*result["notes"], where])
    return f"{table(rows)}\n\n{notes}"


if __name__ == "__main__":
    sys.exit(main())
