"""Where chat templates and what stands beside them are found: as transformers finds them, in GGUF files, and on the Hub."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import pytest
from tiny_tokenizer import byte_tokenizer

from ropescope.errors import InputError, SourceError
from ropescope.models.chat_templates import GoTemplateError, read_chat_templates


def test_files_go_before_the_settings_as_in_transformers(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    made = byte_tokenizer()
    made.chat_template = {"default": "A{{ bos_token }}", "tool_use": "B", "rag": "C"}
    made.save_pretrained(tmp_path)
    settings = json.loads((tmp_path / "tokenizer_config.json").read_text())
    (tmp_path / "tokenizer_config.json").write_text(
        json.dumps({**settings, "chat_template": "old", "add_bos_token": False})
    )
    (tmp_path / "generation_config.json").write_text('{"eos_token_id": [2, 1]}')
    found = read_chat_templates(str(tmp_path), "source")
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert {one.name: one.text for one in found.templates} == loaded.chat_template
    assert dict(found.tokens) == loaded.special_tokens_map
    assert found.adds_bos is True and loaded("x").input_ids[0] == loaded.bos_token_id  # though add_bos_token says no
    assert found.stops == ("</s>", "<s>") and "tokenizer_config.json holds another template" in found.notes[0]
    assert found.chosen(None).text == "A{{ bos_token }}" and found.chosen(None, tools=True).text == "B"
    with pytest.raises(InputError, match="has no template 'x': it has default, rag, tool_use"):
        found.chosen("x")


@pytest.mark.parametrize("processor", ["none", "sequence"])
def test_whether_a_tokenizer_adds_bos_is_read_from_its_post_processor(processor: str, tmp_path: Path) -> None:
    from tokenizers import processors

    made = byte_tokenizer()
    template = made.backend_tokenizer.post_processor
    made.backend_tokenizer.post_processor = (
        processors.ByteLevel() if processor == "none" else processors.Sequence([processors.ByteLevel(), template])
    )
    made.chat_template = "x"
    made.save_pretrained(tmp_path)
    assert read_chat_templates(str(tmp_path), "source").adds_bos is (made("x").input_ids[0] == made.bos_token_id)


def test_a_list_of_named_templates_and_a_template_of_a_processor(tmp_path: Path) -> None:
    named = [{"name": "rag", "template": "R"}, {"name": "default", "template": "D"}, {"name": 3, "template": "?"}]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": named}))
    found = read_chat_templates(str(tmp_path), "source")
    assert [(one.name, one.text) for one in found.templates] == [("rag", "R"), ("default", "D")]
    (tmp_path / "tokenizer_config.json").write_text("{}")
    (tmp_path / "chat_template.json").write_text('{"chat_template": "P"}')
    assert read_chat_templates(str(tmp_path), "source").chosen(None).text == "P"
    (tmp_path / "tokenizer_config.json").write_text('{"eos_token": {"content": "</s>"}}')
    found = read_chat_templates(str(tmp_path / "tokenizer_config.json"), "source")  # which stands for its folder
    assert found.chosen(None).text == "P" and found.stops == ("</s>",)


def test_the_keys_of_a_gguf_file(tmp_path: Path) -> None:
    writer = gguf.GGUFWriter(tmp_path / "m.gguf", "llama")
    writer.add_chat_template([{"name": "default", "template": "D"}, {"name": "tool_use", "template": "T"}])
    writer.add_token_list(["<unk>", "<s>", "</s>", "<|eot|>"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_eot_token_id(3)
    writer.add_add_bos_token(True)
    for step in ("write_header_to_file", "write_kv_data_to_file", "write_tensors_to_file", "close"):
        getattr(writer, step)()
    for source in (tmp_path / "m.gguf", tmp_path):  # the one GGUF file of a folder stands for it
        found = read_chat_templates(str(source), "source")
        assert {one.name: one.text for one in found.templates} == {"default": "D", "tool_use": "T"}
        assert found.tokens == {"bos_token": "<s>", "eos_token": "</s>"}
        assert found.stops == ("</s>", "<|eot|>") and found.adds_bos is True


def test_a_repository_on_the_hub_is_read_at_one_commit(hub: Any, ask: Any, fake_hub: Any) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    files = {
        "tokenizer_config.json": b'{"bos_token": "<s>"}',
        "chat_template.jinja": b"D",
        "additional_chat_templates/rag.jinja": b"R",
        "tokenizer.json": b'{"added_tokens": [{"content": "</s>", "id": 2}], "normalizer": null, "post_processor": null}',
        "generation_config.json": b'{"eos_token_id": 2}',
    }
    hub.repos["models/org/name"] = fake_hub.Repo(files=files, revisions={"main": commit})
    (found,) = ask(("templates", "org/name"))
    assert found["revision"] == commit and found["stops"] == ["</s>"] and found["adds_bos"] is False
    assert [(one["name"], one["where"]) for one in found["templates"]] == [
        ("default", "chat_template.jinja"), ("rag", "additional_chat_templates/rag.jinja"),
    ]  # fmt: skip


def test_what_is_no_template_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="has no chat template"):
        read_chat_templates(str(tmp_path), "source")
    (tmp_path / "raw").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is no text"):
        read_chat_templates(str(tmp_path / "raw"), "source")
    (tmp_path / "long.jinja").write_text("x{#" + "y" * (1 << 20))
    with pytest.raises(InputError, match="longer than 1 MiB"):
        read_chat_templates(str(tmp_path / "long.jinja"), "against")
    with pytest.raises(GoTemplateError):
        read_chat_templates("{{ if .System }}{{ .System }}{{ end }}", "source")
    outside = tmp_path / "m" / "additional_chat_templates"
    outside.parent.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret.jinja").write_text("secret")
    outside.symlink_to(tmp_path / "elsewhere")
    (tmp_path / "m" / "chat_template.jinja").write_text("D")
    assert [one.text for one in read_chat_templates(str(tmp_path / "m"), "source").templates] == ["D"]
