"""The guide to serving several requests with a plan stays true: its Python runs on a tiny model."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from planned_models import ragged_plan, tiny
from tiny_models import build, tokens

PAGE = (Path(__file__).parents[2] / "docs" / "serving-plans.md").read_text(encoding="utf-8")


def test_the_examples_serve_and_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    network = build(tiny("llama"))
    ragged_plan(network, length=200, seed=2, most_picks=6).save(Path("plan.json"))
    names: dict[str, Any] = {"model": network, "prompts": [tokens(n, seed=n)[0].tolist() for n in (90, 40, 7)]}
    whole, coming = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    exec(whole, names)
    assert all(0 < len(answer) <= 64 for answer in names["answers"])
    exec(coming, names)
    assert names["second"].tokens == names["answers"][1]
    assert capsys.readouterr().out.splitlines()[-1].endswith(f"{names['second'].finish} 0 0")
    assert names["first"].finish in ("cancelled", "eos", "length")
