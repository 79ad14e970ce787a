"""Training, hosting and buying: hand-checkable costs, and no cost where there is no price."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import released_configs as released
from stored_models import write_safetensors

from ropescope.checks.finetuning.budget import BudgetInputs, answer
from ropescope.errors import DomainError
from ropescope.questions.question import Run
from ropescope.report import Report
from ropescope.report.figure import vega_lite

KEPT = 2 * 128_256 * 4096 + 65 * 4096
"""Embedding, output and norms, which NF4 leaves in 16 bits."""


@pytest.fixture
def asked(tmp_path: Path) -> Any:
    (tmp_path / "config.json").write_text(json.dumps(released.LLAMA_31_8B))

    def ask(**given: Any) -> Report:
        return answer(BudgetInputs(**{"source": str(tmp_path), "gpu": "h100-sxm", **given}), Run())

    return ask


def test_training_by_6_n_d(asked: Any) -> None:
    training = asked(count=8, parameters=8 * 10**9, tokens_per_parameter=20.0, mfu=0.45, price=2.5).data["training"]
    assert training["operations"] == 6 * 8e9 * 160e9
    assert training["days"] == pytest.approx(6 * 8e9 * 160e9 / (8 * 989e12 * 0.45) / 86_400)
    assert round(training["days"], 2) == 24.97 and round(training["cost"]) == 11_984
    # 16 bytes a parameter with AdamW, over 8 devices
    assert sum(training["states_bytes"].values()) == 16 * 8 * 10**9
    held = sum(training["activations_bytes"].values())
    assert (
        training["device_bytes_sharded"] == 16 * 10**9 + held and training["device_bytes_copied"] == 128 * 10**9 + held
    )


def test_money_buys_what_costs_it(asked: Any) -> None:
    bought = asked(money=5000.0, price=2.5).data["training"]
    again = asked(train_tokens=bought["tokens"], price=2.5).data["training"]
    assert again["cost"] == pytest.approx(5000) and bought["seconds"] == pytest.approx(2000 * 3600)


@pytest.mark.parametrize(
    ("method", "frozen"), [("lora", 2 * 8_030_261_248), ("qlora", (8_030_261_248 - KEPT) * 4.5 / 8 + 2 * KEPT)]
)
def test_lora_trains_few_and_takes_two_thirds(asked: Any, method: str, frozen: int) -> None:
    training = asked(train_tokens=10**9, method=method, rank=16).data["training"]
    pairs = 32 * 16 * (2 * (4096 + 4096) + 2 * (4096 + 1024) + 3 * (4096 + 14_336))
    assert training["parameters_trained"] == pairs == 41_943_040
    assert training["operations_a_token"] == 4 * 8_030_261_248 + 6 * pairs
    states = training["states_bytes"]
    assert next(iter(states.values())) == pytest.approx(frozen)
    assert sum(states.values()) - next(iter(states.values())) == 16 * pairs


EXPERTS = {
    "model_type": "qwen3_moe",
    "architectures": ["Qwen3MoeForCausalLM"],
    "hidden_size": 64,
    "intermediate_size": 96,
    "moe_intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "num_experts": 8,
    "num_experts_per_tok": 2,
    "vocab_size": 100,
    "max_position_embeddings": 4096,
    "rope_theta": 1e6,
}


@pytest.mark.parametrize("stored", [False, True], ids=["config", "headers"])
def test_lora_counts_no_experts_and_says_so(tmp_path: Path, stored: bool) -> None:
    """From the config as from headers, which name each expert's matrices by themselves."""
    (tmp_path / "config.json").write_text(json.dumps(EXPERTS))
    attention = {"q_proj": (64, 64), "k_proj": (32, 64), "v_proj": (32, 64), "o_proj": (64, 64)}
    if stored:
        tensors = {"model.embed_tokens.weight": ("BF16", (100, 64)), "lm_head.weight": ("BF16", (100, 64))}
        for layer in range(2):
            place = f"model.layers.{layer}"
            tensors |= {f"{place}.self_attn.{name}.weight": ("BF16", shape) for name, shape in attention.items()}
            tensors[f"{place}.mlp.gate.weight"] = ("BF16", (8, 64))
            for expert in range(8):
                for name, shape in (("gate_proj", (32, 64)), ("up_proj", (32, 64)), ("down_proj", (64, 32))):
                    tensors[f"{place}.mlp.experts.{expert}.{name}.weight"] = ("BF16", shape)
        write_safetensors(tmp_path / "model.safetensors", tensors)
    given = BudgetInputs(source=str(tmp_path), gpu="h100-sxm", train_tokens=10, method="lora", rank=4)
    report = answer(given, Run())
    assert report.data["training"]["parameters_trained"] == 2 * 4 * sum(map(sum, attention.values()))
    experts = 2 * 8 * 3 * 4 * (32 + 64)
    assert any("without the experts" in said and f"{experts:,} parameters more" in said for said in report.caveats)


@pytest.mark.parametrize(("optimizer", "bytes_each"), [("adamw", 16), ("adamw-8bit", 10), ("muon", 12), ("sgd", 8)])
def test_bytes_by_optimizer(asked: Any, optimizer: str, bytes_each: int) -> None:
    states = asked(train_tokens=10, optimizer=optimizer, parameters=10**9).data["training"]["states_bytes"]
    assert sum(states.values()) == bytes_each * 10**9


def test_hosting_is_what_speed_says_by_the_hours_with_work(asked: Any) -> None:
    hosting = asked(price=2.5, batch=32, context=8000).data["hosting"]
    assert hosting["cost_per_million_output"] == pytest.approx(0.315, abs=5e-4)
    tenth = asked(price=2.5, batch=32, context=8000, busy=0.1).data["hosting"]
    assert tenth["cost_per_million_output"] == pytest.approx(3.15, abs=5e-3)
    assert tenth["monthly"] == hosting["monthly"] == 2.5 * 730


def test_no_price_no_cost(asked: Any) -> None:
    report = asked(train_tokens=10**9, input_price=3.0, output_price=15.0, input_tokens=1000, output_tokens=1000)
    assert report.data["training"]["cost"] is None and report.data["hosting"]["cost_per_million_output"] is None
    assert report.data["break_even_requests"] is None and not report.figures
    assert "without `price` it has no cost" in report.verdict


def test_buy_or_host(asked: Any) -> None:
    use = {"input_tokens": 1000, "output_tokens": 1000, "input_price": 3.0, "output_price": 15.0}
    report = asked(price=2.5, requests=1000, **use)
    assert report.data["buying"]["cost_a_month"] == pytest.approx(1000 * 0.018)
    assert report.data["break_even_requests"] == pytest.approx(1825 / 0.018)
    assert "hosting 1,825 or more: buy." in report.verdict
    spec = vega_lite(report.figures[0])
    host = spec["layer"][1]["data"]["values"]
    assert [one["cost"] % 1825 for one in host] == [0] * len(host) and host[0]["cost"] == 1825
    # A price that one full copy cannot beat
    assert asked(price=2.5, **{**use, "input_price": 1e-4, "output_price": 1e-4}).data["buying_always_cheaper"]
    many = asked(price=2.5, requests=10**9, **use).data["hosting"]
    assert many["cost_a_month"] > 50 * 1825 and many["cost_a_month"] % 1825 == 0


def test_list_prices(asked: Any) -> None:
    pytest.importorskip("genai_prices")
    report = asked(price=2.5, api="openai:gpt-4o", input_tokens=1500, output_tokens=500)
    buying = report.data["buying"]
    assert buying["basis"] == "published" and buying["input"] > 0 and buying["output"] > buying["input"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"money": 5000.0}, "`money` needs `price`"),
        ({"money": 5000.0, "price": 0.0}, "`price` is 0"),
        ({"money": 1.0, "train_tokens": 5, "price": 1.0}, "both say how much"),
        ({"requests": 5}, "`requests` needs"),
        ({"input_tokens": 5}, "`output_tokens` is missing"),
        ({"input_price": 1.0}, "`output_price` is missing"),
        ({"gpu": "24GiB", "train_tokens": 5}, "give `tflops`"),
        ({"gpu": "24GiB"}, "`bandwidth`"),
        ({"api": "no-such-model"}, "`api` is 'no-such-model'"),
    ],
)
def test_what_is_missing_is_named(asked: Any, given: dict[str, Any], told: str) -> None:
    with pytest.raises(DomainError, match=told):
        asked(**given)
