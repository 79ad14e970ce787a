"""Rows of the matrix: measure and study attention."""

from __future__ import annotations

from matrix.row import TINY, Row
from ropescope.report.json import to_json
from ropescope.report.report import Report

ROWS = (
    Row(
        "measure", {"source": "{tiny}", "length": "128", "rows": "8", "prompts": "2", "corpus": "random", **TINY},
        lambda d: d["length"] == 128 and d["prompts"] == 2, {"source": "{tiny}", "prompts": "0"}, "prompts",
    ),
    Row("show-profile", {"profile": "{profile}"}, lambda d: d["prompts"] == 2, {"profile": "{new}/none.parquet"}, "none.parquet"),
    Row(
        "show-report", {"report": "{new}/kept.json"}, lambda d: d["kept"] is True, {"report": "{new}/plan.json"}, "schema",
        files={
            "kept.json": to_json(Report("A title", "A verdict.", data={"kept": True}), whole=True),
            "plan.json": '{"schema": "ropescope.plan/1"}',
        },
    ),
    Row("predict", {"source": "{config}"}, lambda d: d["theta"] == 500_000, {"source": "{config}", "length": "0"}, "length"),
    Row("experiment", {"name": "length-sweep"}, lambda d: d["name"] == "length-sweep", {"name": "lenght-sweep"}, "length-sweep"),
    Row(
        "pilot", {"predictions": True, "theta": "500,1e6"},
        # γ_Padé at T = 512 goes from 0.1600 to 0.9993 over ln 2,000; nearer to that than to nothing is half of it
        lambda d: d["seeds"] == 5 and abs(d["statements"][1]["expects"]["slope of γ on ln θ"][0] - 0.0552) < 1e-4,
        {"theta": "500,500"}, "theta",
    ),
    Row("atlas", {"store": "{store}"}, lambda d: True, {"store": "{new}/none"}, "none"),
    Row("atlas add", {"profiles": ["{profile}"], "store": "{new}/a.parquet"}, lambda d: True, {"store": "{store}"}, "profiles"),
    Row("atlas show", {"model": "{name}", "store": "{store}"}, lambda d: True, {"model": "gpt", "store": "{store}"}, "gpt"),
    Row("atlas remove", {"profile": "{hash}", "store": "{copy}"}, lambda d: True, {"profile": "abc", "store": "{store}"}, "abc"),
    Row(
        "atlas export", {"folder": "{new}/out", "store": "{store}"}, lambda d: True,
        {"folder": "{new}/out", "store": "{new}/none"}, "none",
    ),
    Row(
        # Asked or not, a Hub without this dataset gets five files of it
        "atlas publish", {"repo": "org/none-of-this-name", "license": "mit", "dry_run": True, "store": "{store}"},
        lambda d: len(d["files"]) == 5 and d["commit"] is None, {"repo": "atlas", "license": "mit", "store": "{store}"}, "ORG/NAME",
    ),
    Row("formulas", {}, lambda d: len(d["formulas"]) > 60, {"name": "gama_pade"}, "gamma_pade"),
    Row(
        "compute", {"name": "gamma_pade", "arguments": ["theta=1e4", "length=2000"]},
        # (2θ − T√2)/(2θ + T√2) at θ = 10,000 and T = 2,000
        lambda d: abs(d["result"] - (2e4 - 2000 * 2**0.5) / (2e4 + 2000 * 2**0.5)) < 1e-12,
        {"name": "gamma_pade", "arguments": ["theta=x"]}, "theta",
    ),
    Row("prove", {}, lambda d: d["as_expected"], {"fast": "1"}, "fast"),
    Row("plot", {"kind": "regimes"}, lambda d: True, {"kind": "regime"}, "kind"),
)  # fmt: skip
