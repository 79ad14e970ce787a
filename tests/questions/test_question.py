"""What a question says where a package that it needs is there and does not work."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ropescope.errors import InputError, MissingExtraError
from ropescope.questions.registry import find


@pytest.mark.parametrize("question", [("measure", "smollm2"), ("compress", "plan", "smollm2", "--budget", "30%")])
def test_a_package_that_breaks_off_where_it_is_imported_is_told_in_a_sentence(
    tmp_path: Path, question: tuple[str, ...]
) -> None:
    (tmp_path / "torch.py").write_text("raise OSError('libcudart.so.12: cannot open')")
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-m", "ropescope", *question],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert (
        "needs torch, which cannot be imported (OSError: libcudart.so.12: cannot open): install it again" in done.stderr
    )


def test_an_error_of_the_work_itself_stays_what_it_is() -> None:
    question = find("fit")
    with pytest.raises(ZeroDivisionError), question.needs_extra():
        _ = 1 / 0
    with pytest.raises(InputError), question.needs_extra():
        raise InputError("gpu", "`gpu` is wrong.")
    with pytest.raises(MissingExtraError, match="fit needs nonesuch, which is not installed"), question.needs_extra():
        import nonesuch.part  # noqa: F401
