"""What another package adds by its entry points is everywhere; what is wrong with it costs nothing else."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import released_configs as released
from click.testing import CliRunner
from installed_plugins import STRIDED, install, made, register

from ropescope.app.cli import Group
from ropescope.checks.asking import index
from ropescope.errors import InputError, MissingExtraError, PluginError
from ropescope.questions import plugins, registry

QUESTION = """
from dataclasses import dataclass
from ropescope.questions.question import Question
@dataclass
class Inputs:
    pass
def one(name, inputs="%s:Inputs", **more):
    return Question(name, "Something.", inputs, "%s:answer", {}, **more)
"""


def source(module: str, body: str) -> str:
    return QUESTION % (module, module) + body


def forget() -> None:
    """What is remembered of the packages that are installed."""
    plugins.entries.cache_clear()
    registry._added.cache_clear()
    registry.known.cache_clear()
    index._index.cache_clear()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of packages that this process and those it starts find, empty at first."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([*filter(None, [os.environ.get("PYTHONPATH")]), str(folder)]))
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    forget()
    yield folder
    forget()
    for name in set(sys.modules) - before:
        if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def llama(tmp_path: Path) -> str:
    folder = tmp_path / "llama"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(released.LLAMA_31_8B))
    return str(folder)


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "ropescope", *words], capture_output=True, text=True, timeout=120)


def test_a_question_of_a_plugin_is_a_command_like_any_other(site: Path, llama: str) -> None:
    install(STRIDED, site)
    overview = command("--help").stdout
    own, _, rest = overview.partition("\n  strided ")
    assert own.rindex("Shrink the KV cache") > own.rindex("Read a longer context") and "every n-th" in rest[:90]
    assert "Keep one of so many tokens. [default: 4]" in " ".join(command("strided", "--help").stdout.split())
    told = json.loads(command("strided", llama, "--context", "4k", "--json").stdout)
    assert told["kept_bytes"] == 1024 * 131_072, "a quarter of 4,096 tokens of Llama 3.1 8B in 16 bits"
    refused = command("strided", llama, "--every", "1")
    assert refused.returncode == 2 and refused.stderr.startswith("error: --every must be a whole number from 2")
    assert "Did you mean strided?" in command("stridet").stderr


def test_it_is_found_by_ask_the_page_and_in_python(site: Path, llama: str) -> None:
    install(STRIDED, site)
    from ropescope.app.web.backend import answer
    from ropescope.app.web.build import SITUATIONS
    from ropescope.app.web.forms import catalogue, form

    found = registry.find("ask")
    asked = found.ask(found.inputs_type(words=("keep", "every", "nth", "token")))
    assert asked.data["questions"][0]["question"] == "strided"
    listed = {each["title"]: [one["name"] for one in each["questions"]] for each in catalogue()["situations"]}
    assert listed["Shrink the KV cache or the weights"][-1] == "strided"
    assert [field["name"] for field in form(registry.find("strided"))["fields"]] == [
        "source",
        "revision",
        "context",
        "every",
    ]
    assert answer("strided", {"source": llama})["report"]["data"]["kept_tokens"] == 2048
    assert "strided" not in str(catalogue(SITUATIONS)), "the page as files carries no plugin"

    import ropescope as rs

    assert "strided" in dir(rs) and rs.strided(llama, every=2, context=4096).data["kept_bytes"] == 2048 * 131_072
    with pytest.raises(InputError, match="`every` must be a whole number from 2"):
        rs.strided(llama, every=1)


def test_it_is_a_question_of_the_agents_tools(site: Path, tmp_path: Path, llama: str) -> None:
    pytest.importorskip("mcp", reason="agents need the extra mcp")
    install(STRIDED, site)
    from mcp import Client

    from ropescope.app.folders import Folders
    from ropescope.app.mcp.answers import Answers
    from ropescope.app.mcp.kept import Kept
    from ropescope.app.mcp.server import make_server

    (tmp_path / "empty").mkdir()

    async def asked() -> Any:
        answers = Answers(Folders([tmp_path]), Kept(tmp_path / "answers"), tmp_path / "empty")
        try:
            async with Client(make_server(answers)) as client:
                tool = next(one for one in (await client.list_tools()).tools if one.name == "compressing")
                assert "strided" in tool.input_schema["properties"]["question"]["enum"]
                given = {"question": "strided", "inputs": {"source": llama, "every": 2}, "wait": 100}
                return await client.call_tool("compressing", given)
        finally:
            await answers.close()

    import asyncio

    told = asyncio.run(asked())
    assert told.structured_content["data"]["kept_tokens"] == 4096, told.content


def test_the_guides_plugin_is_one(site: Path, llama: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text(encoding="utf-8")
    entries: dict[str, dict[str, str]] = {}
    for kind, block in re.findall(r"^```(python|toml)\n(.*?)^```", page, re.M | re.S):
        if kind == "toml":
            entries |= tomllib.loads(block)["project"]["entry-points"]
        else:
            file = site / block.partition("\n")[0].removeprefix("# ")
            file.parent.mkdir(exist_ok=True)
            file.write_text(block)
    register(site, "ropescope-strided", "1.0", {plugins.QUESTIONS: entries[plugins.QUESTIONS]})
    found = registry.find("strided")
    assert found.ask(found.inputs_type(source=llama, every=8)).data == {"kept_bytes": 1024 * 131_072}
    assert entries[plugins.METHODS].keys() == {"strided"}
    import ropescope

    assert ropescope.strided(llama, every=4).data == {"kept_bytes": 2048 * 131_072}


def test_what_has_no_situation_has_a_group_of_its_own(site: Path) -> None:
    made(
        site,
        "toy-box",
        source("toy_box", 'ALL = (one("toy"), one("toy again"))'),
        {plugins.QUESTIONS: {"all": "toy_box:ALL"}},
    )
    assert [one.name for one in registry.situations()["From toy-box"]] == ["toy", "toy again"]
    assert registry.situation_names()["plugin-toy-box"] == "From toy-box"
    assert command("--help").stdout.count("From toy-box:") == 1
    assert "again" in command("toy", "--help").stdout
    pytest.importorskip("mcp", reason="agents need the extra mcp")
    from ropescope.app.mcp.tools import place_of

    assert place_of(registry.find("toy again")) == ("plugin-toy-box", "From toy-box")


BROKEN = {
    "raises": ("1 / 0", "the entry point 'q' of the plugin raises, which cannot be imported (ZeroDivisionError"),
    "exits": (
        "raise SystemExit(3)",
        "the entry point 'q' of the plugin exits, which cannot be imported (SystemExit: 3)",
    ),
    "absent": ("import no_such_package", "No module named 'no_such_package'"),
    "number": ("ALL = 7", "what 'q' names of the plugin number, which is of type int, not a Question"),
    "taken": (
        'ALL = one("fit")',
        "the question 'fit' of the plugin taken, which has the first word of a command of ropescope",
    ),
    "inside": ('ALL = one("compress mine")', "has the first word of a command of ropescope"),
    "faces": ('ALL = one("web")', "has the first word of a command of ropescope"),
    "rooms": ('ALL = one("theory")', "has the name of a package of ropescope"),
    "spelled": ('ALL = one("Toy!")', "has the name 'Toy!': write one word or two"),
    "nowhere": ('ALL = one("nowhere", inputs="Inputs")', "has inputs='Inputs': write package.module:name"),
    "needy": ('ALL = one("needy", needs="gpu")', "has needs='gpu': write files, data, weights"),
    "zz-late": ('ALL = one("good")', "has the first word of a command of good: give it another name"),
}


def test_what_is_wrong_with_a_plugin_costs_nothing_else(site: Path, llama: str) -> None:
    for name, (body, _) in BROKEN.items():
        module = name.replace("-", "_")
        made(site, name, source(module, body), {plugins.QUESTIONS: {"q": f"{module}:ALL"}})
    made(site, "good", source("good", 'ALL = (one("good"), one("good"))'), {plugins.QUESTIONS: {"q": "good:ALL"}})
    left = {one.package: one.sentence for one in registry.left_out()}
    assert left.keys() == {*BROKEN, "good"} and "is there already" in left["good"]
    for name, (_, said) in BROKEN.items():
        assert said in left[name] and "\n" not in left[name]
    assert [one.name for one in registry.questions() if one.plugin] == ["good"]
    overview = command("--help")
    assert overview.returncode == 0 and " ".join(overview.stdout.split()).count("Left out: ") == len(left)
    assert command("show", llama).stderr == ""
    missing = command("raises")
    assert (
        missing.returncode == 2
        and "There is no command 'raises'" in missing.stderr
        and "ZeroDivision" in missing.stderr
    )


FAULTS = {
    "importing": ("1 / 0", "ZeroDivisionError"),
    "nothing": ("", "AttributeError"),
    "plain": ("from dataclasses import dataclass\n@dataclass\nclass Inputs:\n    length: int = 3\n", "KeyError"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_question_that_cannot_be_asked_is_told_in_one_sentence(site: Path, name: str) -> None:
    body, kind = FAULTS[name]
    (site / f"of_{name}.py").write_text(body)
    made(
        site,
        name,
        source(f"of_{name}", f'ALL = one("{name}", words="strangeword")'),
        {plugins.QUESTIONS: {"q": f"{name}:ALL"}},
    )
    with pytest.raises(
        PluginError, match=rf"{name} cannot be asked: of_{name}:Inputs of the plugin {name} is at fault \({kind}"
    ):
        _ = registry.find(name).inputs_type
    asked = CliRunner().invoke(Group(""), [name])
    assert isinstance(asked.exception, PluginError)
    found = registry.find("ask")
    with pytest.raises(InputError, match="No question has these words"):
        found.ask(found.inputs_type(words=("strangeword",)))


def test_a_package_that_a_question_needs_is_named(site: Path) -> None:
    (site / "of_bare.py").write_text("import no_such_package.part")
    made(site, "bare", source("of_bare", 'ALL = one("bare")'), {plugins.QUESTIONS: {"q": "bare:ALL"}})
    with pytest.raises(
        MissingExtraError, match="bare of the plugin bare needs no_such_package, which is not installed"
    ):
        _ = registry.find("bare").inputs_type


def test_plugins_are_looked_for_only_where_they_may_matter(site: Path, llama: str) -> None:
    made(site, "toy", source("toy", 'print("imported"); ALL = one("toy")'), {plugins.QUESTIONS: {"q": "toy:ALL"}})
    assert "imported" not in command("show", llama).stdout + command("fit", "--help").stdout
    script = "import sys; sys.argv = ['ropescope', '--help']; from ropescope.app.start import main; main()"
    for found, expected in ((False, "False"), (True, "True")):
        code = f"import atexit, sys; atexit.register(lambda: print('importlib.metadata' in sys.modules, file=sys.stderr)); {script}"
        path = os.pathsep.join(part for part in sys.path if part and (found or part != str(site)))
        done = subprocess.run(
            [sys.executable, "-S", "-c", code], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}
        )
        assert done.stderr.split() == [expected], "the scan is cheap where no plugin is installed"


def test_a_method_of_a_plugin_is_evaluated_beside_the_others(
    site: Path, tmp_path: Path, tiny_folder_with_tokenizer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch", reason="weights need the extra measure")
    monkeypatch.setenv("ROPESCOPE_HOME", str(tmp_path / "home"))
    install(STRIDED, site)
    made(site, "rival", "class Snap:\n    pass\n", {plugins.METHODS: {"snapkv": "rival:Snap", "empty": "rival:Snap"}})
    words = ["compress", "evaluate", str(tiny_folder_with_tokenizer), "--length", "160", "--scored", "16", "--texts", "1",
             "--budgets", "50%", "--dtype", "float32", "--device", "cpu", "--json", "--methods"]  # fmt: skip
    done = CliRunner().invoke(Group(""), [*words, "strided,random"], catch_exceptions=False)
    result = json.loads(done.stdout)
    assert "strided" in str(result) and "random" in str(result) and done.exit_code == 0
    with pytest.raises(
        PluginError, match="The method empty of the plugin rival cannot be used: rival:Snap is no method"
    ):
        CliRunner().invoke(Group(""), [*words, "empty"], catch_exceptions=False)
    from ropescope.compress.evaluate.methods.names import left_out, of_plugins

    assert list(of_plugins()) == ["strided", "empty"], "snapkv stays ropescope's"
    assert left_out(["SnapKV", "tova"]) == [
        "Left out: the method snapkv of the plugin rival, which has the name of one of ropescope."
    ]
    from ropescope.checks.doctor.probe import probed

    told = {one["adds"]: one["fault"] for one in probed(torch=False)["plugins"]}
    assert told["the method strided"] == told["the question strided"] == ""
    assert told["the method empty"] == "the method empty of rival: rival:Snap has no name"
    strided = importlib.import_module("ropescope_strided.method").Strided()
    assert plugins.origin(strided) == "ropescope-strided 0.3.0"
