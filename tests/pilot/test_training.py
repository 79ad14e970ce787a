"""Training: arms share start and batches, no position sees ahead, ALiBi is ALiBi, and a resumed run is the same run."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from small_trial import SMALL

from ropescope.network.capture import capture_rows
from ropescope.pilot.arms import Arm, arms_of
from ropescope.pilot.job import BudgetSpentError, Pilot
from ropescope.pilot.networks import alibi_slopes, fresh_network
from ropescope.pilot.optimiser import orthogonalised
from ropescope.pilot.text import Reading
from ropescope.pilot.training import Training, batch_of, rate_factor
from ropescope.runs.journal import Journal

CPU = torch.device("cpu")
ARMS = arms_of([500, 1e4], ["nope", "alibi"])


def same(a: Any, b: Any) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


def test_arms_of_a_seed_share_first_weights_and_batches(reading: Reading) -> None:
    networks = [fresh_network(arm, SMALL, 3, CPU) for arm in ARMS]
    assert all(same(networks[0], other) for other in networks[1:])
    assert not same(networks[0], fresh_network(ARMS[0], SMALL, 4, CPU))
    batch = batch_of(reading.train, SMALL, 3, 5)
    assert batch.shape == (2, 257)
    assert torch.equal(batch, batch_of(reading.train, SMALL, 3, 5))
    assert not torch.equal(batch, batch_of(reading.train, SMALL, 4, 5))
    assert not torch.equal(batch, batch_of(reading.train, SMALL, 3, 6))


def test_the_base_changes_what_is_computed(reading: Reading) -> None:
    batch = batch_of(reading.train, SMALL, 0, 0)[:, :-1]
    with torch.no_grad():
        logits = [fresh_network(arm, SMALL, 0, CPU)(input_ids=batch).logits for arm in ARMS]
    for index, one in enumerate(logits):
        assert all(not torch.allclose(one, other, atol=1e-6) for other in logits[index + 1 :])


@pytest.mark.parametrize("arm", ARMS, ids=lambda arm: arm.name)
def test_the_loss_of_a_position_has_no_gradient_from_later_tokens(arm: Arm, reading: Reading) -> None:
    network = fresh_network(arm, SMALL, 0, CPU)
    batch = batch_of(reading.train, SMALL, 0, 0)
    embedded = network.get_input_embeddings()(batch[:1, :-1]).detach().requires_grad_()
    logits = network(inputs_embeds=embedded, use_cache=False).logits
    F.cross_entropy(logits[0, 100:101], batch[0, 101:102]).backward()
    assert embedded.grad is not None
    by_position = embedded.grad[0].abs().sum(dim=-1)
    assert (by_position[:101] > 0).all()
    assert (by_position[101:] == 0).all()


def test_alibi_attention_is_that_of_its_slopes(reading: Reading) -> None:
    """With queries of zero the logits are the bias alone: the row is softmax(−slope · distance)."""
    network = fresh_network(Arm("alibi"), SMALL, 0, CPU).eval()
    with torch.no_grad():
        for layer in network.model.layers:
            layer.self_attn.q_proj.weight.zero_()
    seen: list[Any] = []
    ids = torch.zeros(1, 64, dtype=torch.long)
    with torch.inference_mode(), capture_rows(network, [40], lambda rows: seen.append(rows.weights.clone())):
        network.base_model(input_ids=ids, use_cache=False)
    distance = 40.0 - torch.arange(41)
    expected = torch.softmax(-alibi_slopes(1)[:, None] * distance, dim=-1)
    assert alibi_slopes(4).tolist() == [2**-2, 2**-4, 2**-6, 2**-8]
    assert len(seen) == SMALL.layers
    assert torch.allclose(seen[0][:, 0, :41], expected, atol=1e-6)


@pytest.mark.parametrize("arm", ARMS, ids=lambda arm: arm.name)
def test_products_in_bfloat16_leave_weights_in_float32(arm: Arm, reading: Reading) -> None:
    half, whole = (Training.begin(arm, SMALL, 1, CPU, half=half) for half in (True, False))
    for run in (half, whole):
        run.advance(reading.train, 2)
    assert {weight.dtype for weight in half.network.parameters()} == {torch.float32}
    assert half.losses != whole.losses and half.losses == pytest.approx(whole.losses, abs=0.02)


def test_muon_makes_singular_values_of_one() -> None:
    torch.manual_seed(0)
    for shape in ((3, 24, 8), (3, 8, 24)):
        values = torch.linalg.svdvals(orthogonalised(torch.randn(*shape)))
        assert values.min() > 0.5 and values.max() < 1.3


def test_rates_rise_and_fall() -> None:
    assert rate_factor(0, 100) == pytest.approx(1 / 3)
    assert rate_factor(50, 100) == 1
    assert rate_factor(99, 100) == pytest.approx(1 / 40)


def test_a_resumed_training_is_the_same_to_the_bit(reading: Reading, tmp_path: Path) -> None:
    whole = Training.begin(ARMS[0], SMALL, 1, CPU)
    whole.advance(reading.train, 6)
    first = Training.begin(ARMS[0], SMALL, 1, CPU)
    first.advance(reading.train, 4)
    first.save(tmp_path / "run.pt")
    again = Training.begin(ARMS[0], SMALL, 1, CPU)
    assert again.resume(tmp_path / "run.pt") and again.step == 4
    again.advance(reading.train, 6)
    assert same(whole.network, again.network) and whole.losses == again.losses
    assert again.losses[-1] < again.losses[0] < math.log(SMALL.vocabulary) + 0.3
    (tmp_path / "run.pt").write_bytes(b"cut")
    assert not Training.begin(ARMS[0], SMALL, 1, CPU).resume(tmp_path / "run.pt")


@pytest.mark.parametrize("arm", [ARMS[0], ARMS[-1]], ids=lambda arm: arm.name)
def test_a_run_that_ran_out_of_time_goes_on_to_the_same_result(arm: Arm, reading: Reading, tmp_path: Path) -> None:
    def job(folder: str, deadline: float | None = None) -> Pilot:
        made = Pilot(SMALL, [arm], 1, reading, CPU, deadline=deadline)
        made.journal = Journal(made.identity, tmp_path / folder)
        return made

    whole, cut = job("a"), job("b")
    (piece,) = whole.pieces
    expected = whole.do(piece)
    cut.progress = lambda done, planned, what: setattr(cut, "deadline", time.monotonic() - 1 if done == 5 else None)
    with pytest.raises(BudgetSpentError):
        cut.do(piece)
    saved = cut.run_of(piece)
    assert saved is not None and torch.load(saved, weights_only=True)["step"] == 5
    resumed = job("b").do(piece)
    profiles = expected.pop("profile"), resumed.pop("profile")  # they hold the seconds that they took
    assert resumed == expected and all(profiles)
    assert [each["tokens"] for each in expected["readings"]] == [0, 0, 512, 1024, 2048, 4096]
