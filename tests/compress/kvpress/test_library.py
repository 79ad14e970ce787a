"""Where kvpress cannot be used, a sentence says why and what to install."""

from __future__ import annotations

from importlib import metadata
from inspect import signature
from typing import Any

import pytest

from ropescope.compress.evaluate.methods.catalogue import methods_named
from ropescope.compress.kvpress.library import kvpress, missing
from ropescope.errors import MissingExtraError
from ropescope.models.opening import open as open_model


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the package database says, by package."""
    said: dict[str, Any] = {"transformers": "5.2.0"}

    def version(name: str) -> str:
        if name not in said:
            raise metadata.PackageNotFoundError(name)
        return said[name] if isinstance(said[name], str) else "0.5.5"

    def requires(name: str) -> list[str]:
        if name not in said:
            raise metadata.PackageNotFoundError(name)
        return list(said[name])

    monkeypatch.setattr(metadata, "version", version)
    monkeypatch.setattr(metadata, "requires", requires)
    return said


def test_not_installed(installed: dict[str, Any]) -> None:
    with pytest.raises(
        MissingExtraError, match=r"kvpress, which is not installed: pip install 'ropescope\[measure,peers\]'"
    ):
        kvpress()


@pytest.mark.parametrize(("version", "why"), [("5.2.0", ""), ("5.3.0", "5.3.0 is installed"), ("4.50.0", "4.50.0 is")])
def test_the_transformers_it_takes_is_what_it_says_itself(installed: dict[str, Any], version: str, why: str) -> None:
    installed["kvpress"] = ["numpy<3,>=2.0.0", "transformers<5.3,>=4.56.0", 'rouge<2; extra == "eval"']
    installed["transformers"] = version
    assert bool(missing()) == bool(why) and why in missing()
    if why:
        with pytest.raises(
            MissingExtraError, match=r"kvpress 0\.5\.5 needs transformers (<5\.3,>=4\.56\.0|>=4\.56\.0,<5\.3), and"
        ):
            kvpress()


def named(*names: str) -> list[str]:
    model = open_model({"model_type": "llama", "num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 4})
    found = methods_named(names, model=model, length=512, measured=lambda: pytest.fail("nothing is measured for these"))
    return [method.name for method in found]


def test_without_it_methods_are_restated_where_they_can_be(installed: dict[str, Any]) -> None:
    assert named("snapkv", "random") == ["SnapKV (restated)", "random tokens"]
    with pytest.raises(MissingExtraError, match="from its authors' code in kvpress"):
        named("knorm", "adakv")


def test_with_it_methods_are_their_authors() -> None:
    pytest.importorskip("kvpress", reason="kvpress is not installed: pip install 'ropescope[peers]'")
    assert named("snapkv", "adakv", "uniform") == ["SnapKV", "AdaKV (SnapKV)", "uniform window"]


def test_our_attention_function_takes_dropout_in_the_place_where_kvpress_puts_it() -> None:
    """Once it is imported it calls every function that is registered with six arguments by their place."""
    from ropescope.extend.apply.rerope.attention import FarAttention

    parameters = signature(FarAttention.attend).parameters
    assert list(parameters)[1:7] == ["module", "query", "key", "value", "attention_mask", "dropout"]
