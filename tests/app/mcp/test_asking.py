"""An agent asks questions of every situation, reads the answers in both forms, and writes them to files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from lazily import lazily
from matrix import ROWS

from ropescope.app.mcp.tools import place_of
from ropescope.questions.registry import find
from ropescope.report.report import Report

if TYPE_CHECKING:
    from mcp import Client

lazily("mcp", reason="agents need the extra mcp")

ASKED = ("ask", "fit", "extend plan", "quantisation", "budget", "saturation", "compute")
"""One question of each situation, which files alone answer."""


def text(result: Any) -> str:
    """What a client reads that drops the structured half."""
    (block,) = result.content
    return str(block.text)


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_a_question_of_each_situation_is_answered_as_everywhere(session: Any, folder: Path, mode: str) -> None:
    rows = [next(row for row in ROWS if row.question == name) for name in ASKED]
    places = {"config": "llama", "new": "."}

    def put(inputs: Any) -> dict[str, Any]:
        return {key: value.format(**places) if isinstance(value, str) else value for key, value in inputs.items()}

    async def does(client: Client) -> None:
        for row in rows if mode == "auto" else rows[:2]:
            tool, _ = place_of(find(row.question))
            found = await client.call_tool(tool, {"question": row.question, "inputs": put(row.inputs), "wait": 300})
            assert not found.is_error, text(found)
            told = found.structured_content
            assert next(iter(told)) == "verdict" and text(found).startswith(told["verdict"])
            for fact in told["facts"]:
                assert f"- {fact['name']}: " in text(found)
            (kept,) = (await client.read_resource(f"ropescope://kept/{told['id']}")).contents
            report = Report.from_dict(json.loads(kept.text))  # type: ignore[union-attr]
            assert row.holds(report.data) and report.verdict == told["verdict"]

            refused = await client.call_tool(tool, {"question": row.question, "inputs": put(row.bad)})
            assert refused.is_error and row.told in text(refused) == refused.structured_content["error"]

    session(does, mode)


def test_values_may_be_json_or_text_and_an_error_names_the_field(session: Any) -> None:
    async def does(client: Client) -> None:
        async def fit(**inputs: Any) -> Any:
            return await client.call_tool("serving", {"question": "fit", "inputs": inputs, "wait": 300})

        spoken = await fit(source="llama", gpu="4090", context="32k")
        counted = await fit(source="llama", gpu=4090, context=32_768, engine=None)
        assert text(spoken).split("Answer ")[0] == text(counted).split("Answer ")[0]
        assert 'serving {"question": "speed", "inputs": {"source": "llama", "gpu": "4090"' in text(spoken)

        errors = {}
        for name, value in {
            "context": {},
            "batch": "many",
            "contxt": 1,
            "out": "x.json",
            "trust_remote_code": "true",
        }.items():
            refused = (await fit(source="llama", gpu="4090", **{name: value})).structured_content
            assert refused["field"] == name
            errors[name] = refused["error"]
        assert errors["batch"].startswith("`batch` = 'many' is not a number.")
        assert "Did you mean `context`?" in errors["contxt"] and "`keep` writes it" in errors["out"]

        for value in (True, "true"):
            code = {"source": "smollm2", "trust_remote_code": value}
            refused = (await client.call_tool("research", {"question": "measure", "inputs": code})).structured_content
            assert refused["field"] == "trust_remote_code" and "not for agents" in refused["error"]

        wrong = await client.call_tool("extending", {"question": "fit"})
        assert wrong.structured_content == {
            "error": "`question` 'fit' is asked with the tool serving.",
            "field": "question",
        }
        loose = await client.call_tool("serving", {"question": "fit", "source": "llama"})
        assert loose.is_error and "Give the inputs of the question in `inputs`." in text(loose)

    session(does)


def test_a_model_of_the_hub_needs_no_folder(session: Any, hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import fake_hub
    import released_configs as released

    hub.repos["models/acme/llama"] = fake_hub.Repo({"config.json": json.dumps(released.LLAMA_31_8B).encode()})
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")

    async def does(client: Client) -> None:
        shown = await client.call_tool(
            "choosing", {"question": "show", "inputs": {"source": "acme/llama"}, "wait": 300}
        )
        assert text(shown).startswith("acme/llama (llama): 8.03B parameters"), text(shown)

    session(does)


def test_what_a_file_would_hold_is_given_in_its_place(session: Any) -> None:
    schema = {"type": "object", "properties": {"answer": {"type": "string"}, "reasoning": {"type": "string"}}}
    config = {"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}

    async def does(client: Client) -> None:
        async def asked(question: str, **inputs: Any) -> Any:
            tool = place_of(find(question))[0]
            return await client.call_tool(tool, {"question": question, "inputs": inputs, "wait": 300})

        told = [text(await asked("tools-schema", schema=one)) for one in (schema, json.dumps(schema, indent=1))]
        assert told[0].splitlines()[0] == told[1].splitlines()[0] and told[0].startswith("The answer comes first")
        shown = await asked("show", source=config)
        assert text(shown).startswith("config (llama): ")
        (held,) = shown.structured_content["files"]
        assert held.endswith("/config/config.json")
        assert text(await asked("show", source=held)).startswith("config (llama): "), "it can be asked about again"
        both = await asked("compare", sources=[config, {**config, "num_hidden_layers": 4}])
        assert "2 full layers" in text(both) and "4 full layers" in text(both)
        assert "line 2 " in text(await asked("peft", code="from peft import LoraConfig\nLoraConfig(r=8)\n"))

        for wrong in ([schema, 1], {}, "{" + "x" * (1 << 20)):
            refused = (await asked("tools-schema", schema=wrong)).structured_content
            assert refused["field"] == "schema" and "id" not in refused

    session(does)


def test_a_call_that_lacks_something_is_told_what_and_starts_nothing(session: Any) -> None:
    async def does(client: Client) -> None:
        async def error(tool: str, **arguments: Any) -> tuple[str, str | None]:
            refused = await client.call_tool(tool, arguments)
            assert refused.is_error and text(refused) == refused.structured_content["error"]
            return refused.structured_content["error"], refused.structured_content.get("field")

        told, field = await error("judging", inputs={})
        assert field == "question" and told.startswith("`question` is missing") and "claims, panel, arena" in told
        assert (await error("keep", id="fit-3f9a1c"))[0].startswith("`file` is missing")
        assert (await error("answer", part="/data"))[1] == (await error("answer", cancel=True))[1] == "id"
        assert "There are `ids`" in (await error("judging", question="claims", inputs={"unheard_of": 1}))[0]
        assert (await error("judging", question="claims", wait=-1))[1] == "wait"
        assert (await client.call_tool("answer", {})).structured_content["answers"] == [], "nothing works unfollowed"

        inputs = {"source": "llama", "gpu": "4090x", "context": "8k"}
        assert (await error("serving", question="fit", inputs=inputs))[1] == "gpu"
        assert (await error("serving", question="fit", inputs={**inputs, "gpu": "4090", "utilisation": 3}))[
            1
        ] == "utilisation"
        long = "x" * 100_000
        for arguments in ({"question": long}, {"question": "fit", "inputs": {long: 1}}, {long: 1}):
            told, field = await error("serving", **arguments)
            assert len(told) < 2_000 and len(field or "") < 200

    session(does)


def test_no_path_outside_the_folders_is_read_or_written(session: Any, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "config.json").write_text("{}")
    (folder / "link").symlink_to(tmp_path / "secret")

    async def does(client: Client) -> None:
        for source in ("../secret", str(tmp_path / "secret"), "link", "//server/share", "~"):
            refused = await client.call_tool("choosing", {"question": "show", "inputs": {"source": source}})
            assert refused.structured_content["field"] == "source" and "--files" in text(refused), source
        (folder / "llama" / "tokenizer.json").symlink_to(tmp_path / "secret" / "config.json")
        beside = {"question": "show", "inputs": {"source": "llama/config.json"}, "wait": 300}
        refused = await client.call_tool("choosing", beside)
        assert "tokenizer.json is a link to a file that may not be read here" in text(refused)

        asked = await client.call_tool("research", {"question": "plot", "inputs": {"kind": "regimes"}, "wait": 300})
        id = asked.structured_content["id"]

        async def keep(file: str, **more: Any) -> Any:
            return await client.call_tool("keep", {"id": id, "file": file, **more})

        for file in ("../out.json", str(tmp_path / "out.json"), "link/out.json", "."):
            assert (await keep(file)).structured_content["field"] == "file", file
        assert not (await keep("plot.html")).is_error and "<h1>" in (folder / "plot.html").read_text()
        assert (await keep("plot.html")).is_error and not (await keep("plot.html", overwrite=True)).is_error
        assert not (await keep("plot.json")).is_error
        assert (
            Report.from_dict(json.loads((folder / "plot.json").read_text())).title == asked.structured_content["title"]
        )
        assert (await client.call_tool("keep", {"id": "../../etc-000000", "file": "x"})).structured_content[
            "field"
        ] == "id"

    session(does)


def test_what_is_too_long_is_left_out_and_shown_by_parts(session: Any) -> None:
    async def does(client: Client) -> None:
        asked = await client.call_tool("serving", {"question": "devices", "wait": 300})
        told = asked.structured_content
        assert len(json.dumps(told)) < 6_000 and len(text(asked)) < 4_000
        assert told["left_out"]["/tables/0/rows"] == f"{173 - 12} of 173 rows" and told["data"] == {}
        assert "161 more rows" in text(asked)
        one = await client.call_tool("answer", {"id": told["id"], "part": "/tables/0/rows/100"})
        assert one.structured_content["value"][0] == "RX 7900 XTX" and "RX 7900 XTX" in text(one)
        none = await client.call_tool("answer", {"id": told["id"], "part": "/tables/0/rows/173"})
        assert (
            none.structured_content["error"] == "`part` '/tables/0/rows/173' is not there: at '173', there is 0 to 172."
        )

    session(does)


def test_lists_and_their_entries_are_resources(session: Any) -> None:
    from mcp import MCPError

    async def does(client: Client) -> None:
        uris = [one.uri for one in (await client.list_resources()).resources]
        assert {"ropescope://formulas", "ropescope://claims", "ropescope://atlas"} <= set(uris)
        patterns = [one.uri_template for one in (await client.list_resource_templates()).resource_templates]
        assert "ropescope://formulas/{name}" in patterns and "ropescope://kept/{id}" in patterns
        assert not any("add" in one or "remove" in one or "export" in one for one in patterns)
        (whole,) = (await client.read_resource("ropescope://cannot-tell")).contents
        assert "more rows" not in whole.text  # type: ignore[union-attr]
        (one,) = (await client.read_resource("ropescope://formulas/gamma_pade")).contents
        assert "γ_Padé = (2θ − T√2) / (2θ + T√2)" in one.text  # type: ignore[union-attr]
        for uri in (
            "ropescope://nonesuch",
            "ropescope://atlas-remove/x",
            "ropescope://kept/fit-000000",
            "file:///etc/passwd",
        ):
            with pytest.raises(MCPError, match=uri.rpartition("/")[2]):
                await client.read_resource(uri)
        assert [one.uri for one in (await client.list_resources()).resources] == uris, (
            "a resource that is read is not kept"
        )

    session(does)
