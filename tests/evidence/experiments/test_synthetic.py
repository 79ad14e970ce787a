"""Synthetic text: what is generated has the mutual information that is computed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from ropescope.errors import DomainError
from ropescope.evidence.experiments.synthetic import BranchingText, branching_corpus

DISTANCES = np.array([1, 2, 3, 5, 8, 16, 40, 100])


def windows(text: BranchingText, count: int, length: int) -> np.ndarray:
    rng = np.random.default_rng(5)
    return np.array([text.window(length, rng) for _ in range(count)])


def test_generated_text_has_the_computed_correlation_and_information() -> None:
    text = BranchingText(keep=0.9, symbols=4)
    tokens = windows(text, 1000, 128)
    expected, information = text.correlation(DISTANCES), text.mutual_information(DISTANCES)
    for d, rho, exact in zip(DISTANCES, expected, information, strict=True):
        left, right = tokens[:, :-d], tokens[:, d:]
        # One pair a window is independent of the next: its coincidences are binomial.
        equal = (left == right).mean(axis=1)
        found, error = equal.mean(), equal.std(ddof=1) / np.sqrt(len(equal))
        assert abs(found - (0.25 + 0.75 * rho)) < 4 * error, d
        table = np.zeros((4, 4))
        np.add.at(table, (left.ravel(), right.ravel()), 1)
        measured = chi2_contingency(table, lambda_="log-likelihood").statistic / (2 * table.sum())
        assert measured == pytest.approx(exact, rel=0.15, abs=0.003), d


def test_correlation_is_that_of_the_tree() -> None:
    """The mean over all places in a tree of 2^16 leaves of λ^{2h}, h the height of the nearest common ancestor."""
    text = BranchingText(keep=0.8)
    places = np.arange(2**16)
    for d in (1, 2, 7, 30):
        heights = np.array([int(a ^ (a + d)).bit_length() for a in places[:-d]])
        # In a finite tree the rare pairs that meet above 16 are missing: one part in 2,000 here.
        assert text.correlation(np.array([d]))[0] == pytest.approx((0.8 ** (2.0 * heights)).mean(), rel=2e-3)


@pytest.mark.parametrize("alpha", [0.25, 1.0])
def test_the_exponent_is_the_one_asked_for(alpha: float) -> None:
    text = BranchingText.with_exponent(alpha, 10, 1536)
    d = np.unique(np.geomspace(10, 1536, 60).astype(int))
    fit = np.polyfit(np.log(d), np.log(text.mutual_information(d)), 1, full=True)
    assert -fit[0][0] == pytest.approx(alpha, abs=0.02)
    # A power law indeed: the residual is small against the range it falls over.
    assert np.sqrt(fit[1][0] / len(d)) < 0.06 * alpha * np.log(153.6)


def test_the_law_of_the_tree() -> None:
    """ρ(d) ∝ d^{2 log2 λ}: doubling the distance is one level more on either side."""
    rho = BranchingText(keep=0.9).correlation(np.array([64, 128, 256]))
    np.testing.assert_allclose(rho[1:] / rho[:-1], 0.81, rtol=1e-6)


def test_no_information_without_inheritance_and_all_of_it_with() -> None:
    assert np.allclose(BranchingText(keep=0.0).mutual_information(DISTANCES), 0, atol=1e-15)
    np.testing.assert_allclose(BranchingText(keep=1 - 1e-12).mutual_information(DISTANCES), np.log(64), rtol=1e-6)


def test_prompts_are_tokens_of_the_vocabulary_and_repeat() -> None:
    text = BranchingText(0.9, symbols=16)
    vocabulary = np.arange(100, 400)

    def corpus(seed: int) -> np.ndarray:
        made = branching_corpus(text, vocabulary, (1,), 65, 5, seed, "made")
        assert made.available(65) == 5
        return np.array([made.prompt(index, 65) for index in range(5)])

    first = corpus(0)
    assert (first[:, 0] == 1).all() and set(first[:, 1:].ravel()) <= set(vocabulary.tolist())
    assert len(set(first[:, 1:].ravel())) <= 16
    np.testing.assert_array_equal(first, corpus(0))
    assert (first != corpus(1)).any()


def test_refusals() -> None:
    with pytest.raises(DomainError, match="cannot be had"):
        BranchingText.with_exponent(9.0, 10, 1000)
    with pytest.raises(DomainError, match="fewer than the 64 symbols"):
        branching_corpus(BranchingText(0.9), np.arange(10), (), 64, 2, 0, "made")
