"""Numbers as people write them, and tokens counted as the field does."""

import pytest

from ropescope.checks.theory.compute import compute_report
from ropescope.errors import DomainError
from ropescope.questions.numbers import read_count, read_number, read_tokens


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.5", 0.5),
        ("1e6", 10**6),
        ("128k", 128_000),
        ("128Ki", 131_072),
        ("1M", 10**6),
        ("1.5M", 1_500_000),
        ("2_000", 2000),
        ("-0.25", -0.25),
        ("−2", -2),
        ("7B", 7 * 10**9),
        (".75", 0.75),
        ("1e-3", 0.001),
    ],
)
def test_numbers_as_people_write_them(text, value):
    assert read_number("x", text) == value
    assert type(read_number("x", text)) is type(value)


@pytest.mark.parametrize("text", ["", "1,5", "1e", "k", "1x", "0x10", "nan", "inf", "1e999", "1 000", "--1", "1/2"])
def test_anything_else_is_no_number(text):
    with pytest.raises(DomainError, match=r"^`x` = "):
        read_number("x", text)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("32k", 32_768), ("32K", 32_768), ("32Ki", 32_768), ("1.5k", 1_536), ("1M", 1_048_576), ("8192", 8_192)],
)
def test_a_k_of_tokens_is_1024(text, tokens):
    assert read_tokens("context", text) == tokens


def test_plain_digits_and_other_counts_stay_decimal():
    assert read_tokens("length", "1e4") == 10_000 and read_tokens("length", "32000") == 32_000
    assert read_count("--parameters", "8B") == 8 * 10**9 and read_count("--parameters", "500k") == 500_000


@pytest.mark.parametrize("text", ["0", "-1", "0.5", "1.3k", "2B", "4096M", "inf"])
def test_what_is_no_number_of_tokens_is_refused_by_name(text):
    with pytest.raises(DomainError, match=r"^`context` "):
        read_tokens("context", text)


def test_arguments_that_are_tokens_are_read_as_tokens_and_others_are_not():
    values = compute_report("gamma_pade", ["theta=10k", "length=2k"]).data["arguments"]
    assert values == {"theta": 10_000, "length": 2_048}
