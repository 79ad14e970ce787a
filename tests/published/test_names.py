"""Names as people type them find their row, and a relative's row is never taken for theirs."""

from __future__ import annotations

import pytest

from ropescope.published.benchmarks import BENCHMARKS, HELMET, NOLIMA, RULER, Benchmark, ranked_rows, rows
from ropescope.published.names import ModelName, find

ROWS = ranked_rows(RULER)

SAME = [
    # By id, in any case and with a revision.
    ("mistralai/Mistral-7B-Instruct-v0.2", "mistralai/Mistral-7B-instruct-v0.2", "id"),
    ("microsoft/Phi-3-mini-128k-instruct", "microsoft/Phi-3-mini-128K-instruct", "id"),
    ("databricks/dbrx-instruct", "databricKs/dbrx-instruct", "id"),
    ("CohereForAI/c4ai-command-r-v01", "CohereForAI/c4ai-command-r-v01", "id"),
    ("ai21labs/AI21-Jamba-1.5-Large", "ai21labs/AI21-Jamba-1.5-Large", "id"),
    ("Qwen/Qwen3-8B@main", "Qwen/Qwen3-8B", "id"),
    ("qwen/qwen2.5-14b-instruct-1M", "Qwen/Qwen2.5-14B-Instruct-1m", "id"),
    ("Yukang/LongAlpaca-13B", "YuKang/LongAlpaca-13B", "id"),
    # Renamed on the Hub since.
    ("meta-llama/Llama-3.1-8B-Instruct", "meta-llama/Meta-Llama-3.1-8B-Instruct", "name"),
    ("CohereLabs/c4ai-command-r-plus-08-2024", "CohereForAI/c4ai-command-r-plus-08-2024", "name"),
    ("ai21labs/AI21-Jamba-Large-1.5", "ai21labs/AI21-Jamba-1.5-Large", "name"),
    ("zai-org/glm-4-9b-chat-1m", "THUDM/glm-4-9b-chat-1m", "name"),
    ("internlm/internlm2.5-7b-chat-1m", "internlm/internlm2_5-7b-chat-1m", "name"),
    # Bare names and other separators.
    ("mistral-7b-instruct-v0.2", "mistralai/Mistral-7B-instruct-v0.2", "name"),
    ("mistral_7b_instruct_0.2", "mistralai/Mistral-7B-instruct-v0.2", "name"),
    ("meta_llama_3.1_8b_instruct", "meta-llama/Meta-Llama-3.1-8B-Instruct", "name"),
    ("microsoft/phi3-mini-128k-instruct", "microsoft/Phi-3-mini-128K-instruct", "name"),
    ("Command-R-Plus", "CohereForAI/c4ai-command-r-plus", "name"),
    # Models that are not on the Hub under an id that the leaderboard gives.
    ("google/gemini-1.5-pro", "Gemini-1.5-pro", "name"),
    ("openai/gpt-4-1106-preview", "GPT-4-1106-preview", "name"),
    ("In2Training/FILM-7B", "FILM-7B", "name"),
]


@pytest.mark.parametrize(("asked", "label", "how"), SAME)
def test_found(asked: str, label: str, how: str) -> None:
    matches, near = find(asked, ROWS)
    assert [(match.row.label, match.how, match.note) for match in matches] == [(label, how, "")]
    assert near == ()


def test_a_copy_by_another_organisation_is_found_with_a_note() -> None:
    matches, _ = find("unsloth/Llama-3.1-8B-Instruct", ROWS)
    assert [match.row.label for match in matches] == ["meta-llama/Meta-Llama-3.1-8B-Instruct"]
    assert "unsloth" in matches[0].note


@pytest.mark.parametrize(
    ("asked", "label", "difference"),
    [
        # A base model and its instruct model.
        ("mistral-7b-v0.2", "mistralai/Mistral-7B-instruct-v0.2", "the instruct model, while yours has no tuning"),
        ("mistralai/Mistral-7B-v0.2", "mistralai/Mistral-7B-instruct-v0.2", "the instruct model"),
        ("databricks/dbrx-base", "databricKs/dbrx-instruct", "the instruct model, while yours is the base model"),
        ("meta-llama/Llama-3.1-8B", "meta-llama/Meta-Llama-3.1-8B-Instruct", "the instruct model"),
        ("Qwen/Qwen2-72B", "Qwen/Qwen2-72B-Instruct", "the instruct model"),
        ("Qwen/Qwen1.5-72B", "Qwen/Qwen1.5-72B-Chat", "the chat model"),
        ("Qwen/Qwen3-8B-Base", "Qwen/Qwen3-8B", "no tuning in its name, while yours is the base model"),
        ("mistralai/Mistral-Nemo-Base-2407", "mistralai/Mistral-Nemo-Instruct-2407", "while yours is the base"),
        ("meta-llama/Llama-2-7b-hf", "meta-llama/Llama-2-7b-chat-hf", "the chat model"),
        # Another version, size or context.
        ("mistralai/Mistral-7B-Instruct-v0.3", "mistralai/Mistral-7B-instruct-v0.2", "0.2 instead of 0.3"),
        ("Qwen/Qwen2.5-3B-Instruct-1M", "Qwen/Qwen2.5-14B-Instruct-1m", "14b instead of 3b"),
        ("meta-llama/Llama-3.1-405B-Instruct", "meta-llama/Meta-Llama-3.1-70B-Instruct", "70b instead of 405b"),
        ("01-ai/Yi-34B", "01-ai/Yi-34B-200K", "with 200k in its name"),
        # The same model, quantised or converted.
        ("unsloth/Meta-Llama-3.1-8B-Instruct-bnb-4bit", "meta-llama/Meta-Llama-3.1-8B-Instruct", "quantised copy"),
        ("bartowski/Meta-Llama-3.1-8B-Instruct-GGUF", "meta-llama/Meta-Llama-3.1-8B-Instruct", "quantised copy"),
        ("Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf", "meta-llama/Meta-Llama-3.1-8B-Instruct", "quantised copy"),
        ("hugging-quants/Meta-Llama-3.1-8B-Instruct-AWQ-INT4", "meta-llama/Meta-Llama-3.1-8B-Instruct", "quantised"),
        ("Qwen/Qwen3-8B-FP8", "Qwen/Qwen3-8B", "quantised copy"),
    ],
)
def test_a_relative_is_near_and_never_a_match(asked: str, label: str, difference: str) -> None:
    matches, near = find(asked, ROWS)
    assert matches == ()
    assert near[0].row.label == label and difference in near[0].difference


@pytest.mark.parametrize(
    "asked", ["google/gemma-2-9b-it", "HuggingFaceTB/SmolLM2-135M-Instruct", "tiiuae/falcon-7b", "openai/gpt-oss-20b"]
)
def test_strangers_are_strangers(asked: str) -> None:
    assert find(asked, ROWS) == ((), ())


@pytest.mark.parametrize(
    "asked",
    [
        "gpt-4o-mini",
        "openai/gpt-4o-mini",
        "gpt-4o-mini-2024-07-18",
        "gpt-4o-mini-20240718",
        "GPT_4o_mini",
        "openai/gpt-4o-mini@x",
    ],
)
def test_names_of_apis_with_and_without_dates(asked: str) -> None:
    ((match,), near) = find(asked, rows(NOLIMA))
    assert match.row.name == "GPT-4o-mini-2024-07-18" and near == ()
    assert ("has no date" in match.note) == ("2024" not in asked)


def test_two_dates_are_two_models() -> None:
    matches, near = find("gpt-4o-2024-08-06", rows(NOLIMA))
    assert matches == () and near[0].difference == "20241120 instead of 20240806"
    assert [match.row.name for match in find("gpt-4o", rows(HELMET))[0]] == ["gpt-4o-2024-05-13", "gpt-4o-2024-08-06"]
    for asked in ("anthropic/claude-3.5-sonnet", "claude-3-5-sonnet-20241022", "claude-3-5-sonnet"):
        assert [match.row.base for match in find(asked, rows(NOLIMA))[0]] == [87.5]
    assert find("claude-3-5-sonnet-20240620", rows(NOLIMA))[0] == ()
    assert [match.row.base for match in find("google/gemini-1.5-pro", rows(NOLIMA))[0]] == [92.6]


@pytest.mark.parametrize("mark", BENCHMARKS, ids=lambda mark: mark.name)
def test_every_published_row_is_found_by_its_own_label(mark: Benchmark) -> None:
    for row in rows(mark):
        assert row.label in {match.row.label for match in find(row.label, rows(mark))[0]}


def test_every_row_finds_itself_alone() -> None:
    for row in ROWS:
        matches, near = find(row.label, ROWS)
        assert [match.row for match in matches] == [row] and near == ()
        bare = row.label.rpartition("/")[2]
        assert [match.row for match in find(bare, ROWS)[0]] == [row]


def test_sizes_and_versions_are_kept_apart() -> None:
    assert ModelName.of("Qwen2.5-7B") != ModelName.of("Qwen2-57B")
    assert ModelName.of("Llama-3-18B") != ModelName.of("Llama-3.1-8B")
    assert ModelName.of("internlm2_5_7b").words == ("2.5", "7b", "internlm")
    assert ModelName.of("mixtral-8x7b").words == ("8x7b", "mixtral")
    assert ModelName.of("unsloth/Llama-3.1-8B-unsloth-bnb-4bit").copy == ("4bit", "bnb")
