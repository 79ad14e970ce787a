"""Python source that every CPython carries."""

from __future__ import annotations

import sysconfig
from pathlib import Path

HELD_OUT = tuple(
    """
    argparse.py tarfile.py statistics.py inspect.py difflib.py zipfile.py mailbox.py subprocess.py turtle.py pickle.py
    _pydecimal.py typing.py doctest.py unittest/mock.py pdb.py ssl.py logging/__init__.py imaplib.py ipaddress.py
    http/client.py xml/dom/minidom.py email/_header_value_parser.py multiprocessing/managers.py asyncio/base_events.py
    optparse.py threading.py pathlib.py configparser.py fractions.py urllib/request.py
    """.split()
)
"""Modules of the standard library that are scored. What a later Python moved or dropped is left out."""
CALIBRATION = tuple(
    """
    shutil.py enum.py socket.py datetime.py _pydatetime.py ast.py dataclasses.py smtplib.py traceback.py
    asyncio/selector_events.py http/cookiejar.py concurrent/futures/process.py uuid.py plistlib.py gettext.py
    ftplib.py platform.py random.py os.py unittest/case.py
    """.split()
)


def module_text(name: str) -> str:
    """The text of a module of the standard library; empty where this Python has none of the name."""
    path = Path(sysconfig.get_path("stdlib")) / name
    return path.read_text(encoding="utf-8") if path.is_file() else ""
