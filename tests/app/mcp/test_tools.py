"""The tools are few and short, and all that they say is of the registry."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import jsonschema
from lazily import lazily

from ropescope.app.mcp.tools import tools
from ropescope.questions.inputs import from_values
from ropescope.questions.registry import SITUATION_NAMES, SITUATIONS, find, known

if TYPE_CHECKING:
    from mcp import Client

lazily("mcp", reason="agents need the extra mcp")


def test_ten_tools_ask_every_question_and_say_what_they_may_do() -> None:
    made = {tool.name: tool for tool in tools()}
    assert len(made) == 10
    assert list(SITUATION_NAMES.values()) == list(SITUATIONS)
    asked = [
        name for tool in made.values() for name in tool.input_schema["properties"].get("question", {}).get("enum", [])
    ]
    assert sorted(asked) == sorted(known())
    may_change = {name for name, tool in made.items() if not tool.annotations.read_only_hint}
    assert may_change == {"research", "keep"}, "the atlas is changed and published, and files are written"
    assert made["research"].meta["ropescope/needs"]["measure"] == "weights"
    assert "- atlas remove(profile): " in made["research"].description
    assert made["research"].description.count("[changes what is kept]") == 3


def test_what_a_client_lists_stays_short() -> None:
    """Some 2,500 tokens: each question costs its line, and its inputs cost nothing before they are asked for."""
    shown = [tool.model_dump(by_alias=True, include={"name", "description", "input_schema"}) for tool in tools()]
    size = len(json.dumps(shown, ensure_ascii=False, separators=(",", ":")))
    assert size < 3_500 + 150 * len(known())
    assert all(tool.output_schema is None for tool in tools())


def test_a_question_is_described_with_a_schema_that_its_example_fits(session: Any) -> None:
    async def does(client: Client) -> None:
        for name in ("fit", "measure"):
            told = (await client.call_tool("questions", {"name": name})).structured_content
            jsonschema.validate(told["example"], told["inputs"])
            from_values(find(name).inputs_type, told["example"])
            assert told["needs"] == find(name).needs and set(told["inputs"]["required"]) <= set(told["example"])
        every = (await client.call_tool("questions", {})).structured_content
        assert sum(len(asked) for asked in every.values()) == len(known())
        missing = await client.call_tool("questions", {"name": "fitt"})
        assert missing.structured_content["error"].endswith("Did you mean fit?")

    session(does)


def test_nothing_of_it_is_imported_before_it_serves() -> None:
    code = "import sys; from ropescope.app.cli import app; app.main(['mcp', '--help'], standalone_mode=False); "
    code += "print({'mcp', 'pydantic', 'starlette', 'anyio'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"
