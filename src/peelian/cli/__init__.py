"""The command line: a thin face on `peelian.workspace`.

Results go to stdout (``--json`` for programs), progress and errors to stderr. Exit codes: 0 done, 1 fault, 2 usage,
3 refused by policy, 4 bad data, 5 a check or gate failed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

__all__ = ["main"]

STOPPED = "stopped; nothing half-done was kept"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; never lets a traceback reach a user."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given == ["--version"]:  # answered without loading anything
        from peelian._version import __version__

        print(f"peelian {__version__}")
        return
    from typer.exceptions import TyperException

    from peelian.cli.app import app
    from peelian.cli.report import INTERRUPTED, report_error
    from peelian.errors import PeelianError, UsageError

    as_json = "--json" in given
    try:
        # Typer prints its usage errors itself; for a program they take the one shape of all errors.
        code = app(given, prog_name="peelian", standalone_mode=not as_json)
        sys.exit(code if isinstance(code, int) else 0)
    except PeelianError as error:
        sys.exit(report_error(error, as_json=as_json))
    except TyperException as error:
        usage = UsageError(error.format_message(), hint=f"peelian {given[0]} --help")
        sys.exit(report_error(usage, as_json=as_json))
    except SystemExit as stop:
        if stop.code == INTERRUPTED:
            print(getattr(stop, "said", STOPPED), file=sys.stderr)
        raise
    except BrokenPipeError:
        # The reader of our output went away (`| head`): not our fault, and not worth a word.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except RuntimeError as fault:
        if "interrupt" not in str(fault).lower():
            sys.exit(_fault(fault, as_json=as_json))
        print(STOPPED, file=sys.stderr)  # Ctrl-C within a query
        sys.exit(INTERRUPTED)
    except Exception as fault:  # the last line of defence: the promise is "no traceback reaches a user"
        sys.exit(_fault(fault, as_json=as_json))


def _fault(fault: Exception, *, as_json: bool) -> int:
    from peelian.cli.report import report_fault

    if os.environ.get("PEELIAN_TRACEBACK"):
        raise fault
    return report_fault(fault, as_json=as_json)
