"""The command `audit-log`: what the log of verdicts holds, as a table."""

import argparse
import sys
from pathlib import Path

from pneumo_core.audit_log import as_csv, read_log
from pneumo_core.files import written_whole


def audit_log(options: argparse.Namespace) -> int:
    """Write the log `options.file` as CSV to `options.csv`, or to the terminal.

    Raises:
        AuditLogError: It cannot be read, or is something else.
        OSError: The table cannot be written.
    """
    rows = list(read_log(Path(options.file).expanduser()))
    table = as_csv(rows)
    if options.csv is None:
        sys.stdout.write(table)
        return 0
    with written_whole(Path(options.csv).expanduser()) as temporary:
        temporary.write_text(table, encoding="utf-8", newline="")
    print(f"{len(rows)} verdicts are in {options.csv}.")
    return 0
