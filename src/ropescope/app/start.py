"""Start the command line. `ropescope --help` and `--version` are answered before anything is imported that they do not need."""

from __future__ import annotations

import errno
import sys
from typing import Final

from ropescope import __version__
from ropescope.app.streams import fail, let_readers_leave, nowhere
from ropescope.errors import RopescopeError

_HELP: Final = (["-h"], ["--help"])


def main() -> None:
    """Run the command line; errors meant for the user are shown as one sentence, and set the exit status."""
    let_readers_leave()
    try:
        try:
            _run()
        finally:
            sys.stdout.flush()
    except RopescopeError as error:
        fail(str(error), 2)
    except KeyboardInterrupt:
        fail("Interrupted before anything was finished.", 130)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        sys.stdout = nowhere()  # what could not be written would be tried again at exit
        fail("Standard output cannot be written (no space left on the device).", 2)


def _run() -> None:
    if sys.argv[1:] == ["--version"]:
        print(f"ropescope {__version__}")
        sys.exit(0)
    if sys.argv[1:] in _HELP:
        from ropescope.app.overview import overview

        print(overview("python -m ropescope" if sys.argv[0].endswith("__main__.py") else "ropescope"))
        sys.exit(0)
    from ropescope.app.cli import app

    app()
