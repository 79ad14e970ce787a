"""Which way of counting is taken, and what is said where it fails."""

import pytest
from released_configs import KIMI_K2, LLAMA_31_8B, LLAVA_15_7B, RELEASED

from ropescope.errors import FormatError, MissingExtraError
from ropescope.models import Source, count_parameters, from_config
from ropescope.models.counts import parameters as parameter_count


def test_the_network_is_built_where_it_can_be(monkeypatch):
    pytest.importorskip("torch")
    model = from_config(LLAVA_15_7B)
    assert count_parameters(model).count == count_parameters(model, build=True).count == "meta"
    assert count_parameters(model).total == RELEASED["llava-hf/llava-1.5-7b-hf"].total
    rough = count_parameters(model, build=False)
    assert rough.count == "estimate" and rough.total == pytest.approx(count_parameters(model).total, rel=0.01)
    monkeypatch.setattr(parameter_count, "can_build", lambda: False)
    assert count_parameters(model) == rough


def test_a_network_that_cannot_be_built_is_estimated_and_the_reason_said():
    pytest.importorskip("torch")
    model = from_config({**LLAMA_31_8B, "model_type": "llama_of_another_house"})
    found = count_parameters(model)
    assert found.total == 8_030_261_248 and found.count == "estimate"
    assert "estimated, since transformers" in found.source and "'llama_of_another_house'" in found.source
    assert "count by" not in found.source
    with pytest.raises(FormatError, match="has no model type"):
        count_parameters(model, build=True)
    tower = {"model_type": "timm_wrapper", "architecture": "x"}
    other = count_parameters(from_config({**LLAVA_15_7B, "vision_config": tower}))
    assert "backbone from another library" in other.source and "tower is not counted" in other.source


def test_kimi_k2_is_counted_as_the_network_whose_class_it_names():
    published = from_config({**KIMI_K2, "model_type": "kimi_k2"})
    found = count_parameters(published)
    assert found.count == "closed" and found.lacks == ()
    assert found.total == RELEASED["moonshotai/Kimi-K2-Instruct"].total
    assert any("'kimi_k2' is the network of deepseek_v3" in note for note in published.notes)


def test_building_without_torch_names_the_extra(monkeypatch):
    import builtins

    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.split(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"ropescope\[measure\]"):
        count_parameters(from_config(LLAMA_31_8B), build=True)
    assert "not installed" in count_parameters(from_config(LLAVA_15_7B)).source


def test_a_gguf_file_is_not_a_config(tmp_path):
    model = from_config(LLAMA_31_8B, source=Source("gguf", "some", path=tmp_path / "some.gguf"))
    with pytest.raises(FormatError, match="count the tensors it lists"):
        count_parameters(model)
