"""The question: what is said of templates whose faults are known, of one's own messages, and of two renderings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from released_templates import template_of

from ropescope.app.cli import app
from ropescope.checks.prompts.template import isolated, rendered
from ropescope.checks.prompts.template.asking import TemplateInputs, answer
from ropescope.errors import InputError, RopescopeError, SourceError
from ropescope.questions.question import Run
from ropescope.report.report import Report

TURN = "{{ '<|' ~ m.role ~ '|>' ~ m.content ~ '<|end|>' }}"
CHATML = (
    "{{ bos_token }}{% for m in messages %}"
    + TURN
    + "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
SETTINGS = {
    "bos_token": "<s>",
    "eos_token": "<|end|>",
    "added_tokens_decoder": {"1": {"content": "<s>"}, "2": {"content": "<|end|>"}},
}


def asked(source: object, **more: Any) -> Report:
    return answer(TemplateInputs(source=str(source), **more), Run())


def folder(path: Path, template: str = CHATML, **settings: Any) -> Path:
    path.mkdir(exist_ok=True)
    (path / "tokenizer_config.json").write_text(
        json.dumps({**SETTINGS, "chat_template": template, "add_bos_token": False, **settings})
    )
    (path / "generation_config.json").write_text('{"eos_token_id": 2}')
    return path


def states(report: Report) -> dict[str, tuple[str, str]]:
    return {check["name"]: (check["state"], check["found"]) for check in report.data["checks"]}


@pytest.mark.weights
def test_smollm2_names_itself_unless_it_is_given_a_system_message() -> None:
    report = asked("smollm2", messages='[{"role": "user", "content": "Hi"}]')
    assert report.verdict.startswith(
        "The template adds a system message that you did not send: “You are a helpful AI assistant named SmolLM, trained by"
    )
    assert "A system message of your own replaces it." in report.verdict and report.holds is False
    assert report.data["rendered"]["your messages"] == (
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    )
    found = states(report)
    assert found["Earlier text"] == ("holds", "kept") and found["End of turn"] == ("holds", "stops")
    own = asked("smollm2", messages='[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]')
    assert "SmolLM" not in own.data["rendered"]["your messages"]


def test_a_sound_template_violates_nothing(tmp_path: Path) -> None:
    report = asked(folder(tmp_path / "m"))
    assert report.holds is True and report.verdict == "All 9 checks hold."
    assert states(report)["BOS"] == ("holds", "once")
    # Without BOS, and with a token before the one that ends generation, as Command R7B has it.
    other = folder(
        tmp_path / "n", CHATML.replace("{{ bos_token }}", "").replace("<|end|>", "<|said|><|end|>"), bos_token=None
    )
    assert asked(other).holds is True and states(asked(other))["BOS"] == ("noted", "none")


BROKEN = {
    "System message": CHATML.replace("{% for m in messages %}", "{% for m in messages if m.role != 'system' %}"),
    "Added text": CHATML.replace("{% for", "{% if messages[0].role != 'system' %}<|system|>Be nice.<|end|>{% endif %}{% for"),
    "End of turn": CHATML.replace("<|end|>", "<|over|>"),
    "Generation prompt": CHATML.partition("{% if")[0],
    "Earlier text": CHATML.replace("m.content ~", "(m.content if loop.last or m.role == 'user' else '') ~"),
    "Two user messages": CHATML.replace(TURN, "{% if loop.last or m.role != loop.nextitem.role %}" + TURN + "{% endif %}"),
    "User message": "{{ raise_exception('no users') }}",
    "Generation tag": CHATML.replace("{{ bos_token }}", "{{ bos_token }}{% generation %}x{% endgeneration %}"),
}  # fmt: skip


@pytest.mark.parametrize("fault", BROKEN)
def test_a_template_with_one_fault_is_told_of_it(fault: str, tmp_path: Path) -> None:
    report = asked(folder(tmp_path / "m", BROKEN[fault]))
    assert report.holds is False and states(report)[fault][0] == "violated", report.verdict
    assert report.verdict.startswith(next(c["says"] for c in report.data["checks"] if c["state"] == "violated"))


def test_bos_is_doubled_where_template_and_tokenizer_both_write_it(tmp_path: Path) -> None:
    report = asked(folder(tmp_path / "m", add_bos_token=True))
    assert report.verdict.startswith("Rendered text gets <s> twice if it is encoded by default")
    # The tokenizer's own post-processor goes before add_bos_token, as in transformers.
    processor = {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 0}}]}
    held = {"added_tokens": [], "normalizer": None, "post_processor": processor}
    (tmp_path / "m" / "tokenizer.json").write_text(json.dumps(held))
    assert states(asked(tmp_path / "m"))["BOS"] == ("holds", "once")


def test_what_is_noted_of_released_templates() -> None:
    qwen = asked(template_of("trl/qwen3"))
    assert "68 of 134 characters stay" in qwen.verdict and "<think>" in qwen.verdict  # counted by hand
    assert states(qwen)["Reasoning"] == ("noted", "stripped") and states(qwen)["Tool calls"] == ("holds", "kept")
    gemma = states(asked(template_of("trl/gemma")))
    assert gemma["System message"] == ("violated", "refused") and gemma["Two user messages"] == ("noted", "refused")
    assert states(asked(template_of("trl/gemma3")))["System message"] == ("holds", "merged")
    parts = asked(template_of("trl/idefics3"))
    assert "list of parts" in " ".join(parts.caveats) and states(parts)["User message"] == ("holds", "kept")
    llama = asked(template_of("trl/llama3_2"))
    assert "Cutting Knowledge Date: December 2023" in llama.verdict and "comes beside it" in llama.verdict
    assert states(llama)["Date"] == ("noted", "in the prompt")


def test_messages_of_ones_own(tmp_path: Path) -> None:
    request = {
        "model": "x",
        "messages": [
            {"role": "user", "content": "One?"}, {"role": "assistant", "content": "Two."}, {"role": "tool", "content": "Three"},
        ],
    }  # fmt: skip
    kept = asked(folder(tmp_path / "m"), messages=json.dumps(request))
    assert kept.data["rendered"]["your messages"].endswith("<|tool|>Three<|end|><|assistant|>")
    assert states(kept)["Your earlier prompts"] == ("holds", "kept") and "model" in " ".join(kept.caveats)
    thinking = "{% if think %}<think>{% endif %}" + CHATML
    told = asked(
        folder(tmp_path / "o", thinking), messages=json.dumps(request | {"chat_template_kwargs": {"think": True}})
    )
    assert all(text.startswith("<think>") for text in told.data["rendered"].values())
    no_tools = CHATML.replace("{% for m in messages %}", "{% for m in messages if m.role != 'tool' %}")
    lost = asked(folder(tmp_path / "n", no_tools), messages=json.dumps(request))
    assert lost.verdict.startswith("The template leaves out the text of your message 3 (tool) without an error.")


@pytest.mark.parametrize(
    ("messages", "told"),
    [
        ("[]", "holds no messages"),
        ('{"prompt": "x"}', "holds no messages"),
        ('[{"content": "x"}]', "message 1 of the JSON is no object with a role"),
        ('[{"role": "user", "content": 7}]', "content of message 1"),
        ('[{"role": "user"},\n{]', "the JSON:2 is not valid JSON"),
        ('{"messages": [{"role": "user"}], "tools": {}}', "tools of the JSON must be a list"),
        ("nowhere.json", "neither a file nor JSON"),
        ("[" * 100_000, "nested"),
    ],
)
def test_bad_messages_are_told_in_a_sentence(messages: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        asked(CHATML, messages=messages)
    assert told in str(caught.value) and "\n" not in str(caught.value) and caught.value.field == "messages"


def test_two_sources_that_differ_by_a_space(tmp_path: Path) -> None:
    one, other = folder(tmp_path / "one"), folder(tmp_path / "other", CHATML.replace("'|>'", "'|> '"))
    same = asked(one, against=str(folder(tmp_path / "same", CHATML + "{# the same #}")))
    assert "renders all" in same.verdict
    assert states(same)["The other source"] == ("holds", "the same") and "texts of the templates differ" in str(
        same.data["checks"]
    )
    apart = asked(one, against=str(other))
    first = apart.data["compared"]["The other source"]["different"][0]
    assert first["place"] == len("<s><|user|>") and first["there"].startswith("“<s><|user|> Name three")
    assert [figure.name for figure in apart.figures] == ["added-turns", "two-renderings"]
    # A template alone is written with the tokens of the source beside it.
    assert states(asked(CHATML, against=str(one)))["The other source"] == ("holds", "the same")


def test_go_templates_are_not_rendered(tmp_path: Path) -> None:
    (tmp_path / "Modelfile").write_text('FROM x\nTEMPLATE """{{- range .Messages }}{{ .Content }}{{ end }}"""')
    report = asked(tmp_path / "Modelfile")
    assert report.verdict.startswith("Not known:") and "Go template" in report.verdict and report.holds is None


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "may loop without an end"),
        ("{% for %}", "is no valid Jinja (line 1"),
        ("{{ messages.__init__.__globals__ }}", "reaches for what the sandbox forbids"),
    ],
)
def test_a_hostile_template_ends_with_a_sentence(template: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendered, "SECONDS", 1.0)
    done = CliRunner().invoke(app, ["template", template])
    assert (
        isinstance(done.exception, RopescopeError) and told in str(done.exception) and "\n" not in str(done.exception)
    )


def test_a_machine_too_busy_to_render_condemns_no_template(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated, "_WALL_SECONDS", 0.01)
    with pytest.raises(SourceError, match="the machine is busy"):
        asked(CHATML)


def test_a_pasted_template_is_not_named_by_its_passing_file() -> None:
    done = CliRunner().invoke(app, ["template", "-", "--json"], input=CHATML)
    assert done.exception is None and json.loads(done.stdout)["source"] == "<pasted>"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("trl/qwen3", "the same"),
        ("trl/llama3", "the same"),
        ("trl/gemma", "1 of 14 differ"),  # llama.cpp merges a system message that the template refuses
        ("trl/gemma4_v5", "14 of 14 differ"),  # llama.cpp has enable_thinking true
    ],
)
def test_llama_cpp_renders_the_same_or_is_said_to_differ(name: str, told: str) -> None:
    pytest.importorskip("xllamacpp", reason="llama.cpp is not installed: pip install xllamacpp")
    report = asked(template_of(name), engine="llama.cpp")
    assert states(report)["llama.cpp"][1] == told
    assert ("as llama.cpp has it, none would differ" in str(report.data["checks"])) == (name == "trl/gemma4_v5")
