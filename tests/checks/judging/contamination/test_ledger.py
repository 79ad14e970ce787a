"""Reports as the CONDA database has them, found by the names people use."""

from ropescope.checks.judging.contamination.ledger import entries, is_about, reports_of


def test_every_row_is_whole():
    rows = entries()
    assert len(rows) > 80 and len(set(rows)) == len(rows)
    for row in rows:
        assert row.kind in ("model", "corpus") and row.approach in ("model-based", "data-based")
        assert row.reference.startswith("https://") and row.pull_request.isdigit()
        values = [float(value) for value in (row.train, row.dev, row.test) if value]
        assert values and all(0 <= value <= 100 for value in values)


def test_names():
    assert {row.dataset for row in reports_of("HumanEval")} == {"openai_humaneval"}
    assert {row.dataset for row in reports_of("openai/gsm8k")} == {"gsm8k"}
    assert {row.dataset for row in reports_of("MATH-500")} == {
        "hendrycks/competition_math",
        "EleutherAI/hendrycks_math",
    }
    assert reports_of("mmlu-pro") == () and reports_of("gsm") == ()
    four = [row for row in reports_of("mmlu") if is_about(row, "gpt-4")]
    # GPT-4's own report (substring match), and the share of masked choices that GPT-4 fills in.
    assert sorted(row.test for row in four) == ["0.6", "57.0"]
    assert not any(is_about(row, "GPT-4o") for row in entries())
    assert any(is_about(row, "mistralai/Mistral-7B-v0.1") for row in reports_of("arc_easy"))
