"""Pages of the repository become pages of the site: links, order, mathematics, docstrings; what leads nowhere is found."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from build_site import navigation
from site_api import ROOMS, pages
from site_links import broken
from site_mathematics import as_html
from site_pages import ROOT, Site, place, sources

REPOSITORY = {
    "pyproject.toml": "[project]\nname = 'made'\n",
    "README.md": "# Made\n[Guide](docs/guide.md#a-part) ![](docs/images/one.svg) [fit](docs/reference.md#fit) `[a](docs/x.md)`\n",
    "docs/guide.md": "# Guide\n[home](../README.md) [code](../src/made.py) [room](../src) [out](https://made.example/)\n\n```\n[a](b.md)\n```\n",
    "docs/reference.md": "# Reference\n\n## Serve a model\n\n### fit\n\n[Below](#speed)\n```console\n$ x\n```\n\n"
    "### speed\n\nNeeds files alone.\n",
    "docs/images/one.svg": "<svg/>",
    "src/made.py": "made = 1\n",
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for name, text in REPOSITORY.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_links_between_files_become_links_between_pages(repository: Path) -> None:
    site = Site(repository)
    assert (
        "[Guide](guide.md#a-part) ![](images/one.svg) [fit](reference/serve-a-model.md#fit) `[a](docs/x.md)`"
        in site.pages["index.md"]
    )
    guide = site.pages["guide.md"]
    assert "[home](index.md)" in guide and "[out](https://made.example/)" in guide and "[a](b.md)" in guide
    assert "[Below](#speed)\n```sh\nx\n```" in site.pages["reference/serve-a-model.md"]
    assert "Needs files alone: [ask it in the browser](../page/#q=speed)." in site.pages["reference/serve-a-model.md"]
    assert site.files == {"images/one.svg": repository / "docs/images/one.svg"}


def test_a_file_without_a_page_is_shown_or_linked_at_the_code_host(repository: Path) -> None:
    shown = Site(repository)
    assert "[code](source/src/made.py.md) [room](source/src/index.md)" in shown.pages["guide.md"]
    assert "made = 1" in shown.pages["source/src/made.py.md"] and "(made.py.md)" in shown.pages["source/src/index.md"]
    with (repository / "pyproject.toml").open("a") as file:
        file.write("urls = {Repository = 'https://host.example/made'}\n")
    hosted = Site(repository)
    assert "[code](https://host.example/made/blob/main/src/made.py)" in hosted.pages["guide.md"]
    assert not [name for name in hosted.pages if name.startswith("source/")]


def test_a_notebook_is_a_page_with_its_output(repository: Path) -> None:
    told = [
        {"output_type": "stream", "text": ["2\n"]},
        {"output_type": "execute_result", "data": {"text/plain": ["3"]}},
    ]
    cells = [
        {"cell_type": "markdown", "source": ["# Sums\n", "\n", "With [a guide](../guide.md)."]},
        {"cell_type": "code", "source": ["print(1 + 1)\n", "3"], "outputs": told},
    ]
    (repository / "docs/notebooks").mkdir()
    (repository / "docs/notebooks/sums.ipynb").write_text(json.dumps({"cells": cells}))
    site = Site(repository)
    page = "# Sums\n\n[Download this notebook](sums.ipynb)\n\nWith [a guide](../guide.md).\n\n```python\nprint(1 + 1)\n3\n```\n\n"
    assert site.pages["notebooks/sums.md"] == page + "```text\n2\n```\n\n```text\n3\n```\n"
    assert site.files["notebooks/sums.ipynb"].exists() and site.titles["notebooks/sums.md"] == "Sums"


def test_every_page_of_the_repository_has_one_place_in_the_navigation() -> None:
    site = Site()
    made = navigation(site.pages, site.titles)
    there = re.findall(r"[\w/-]+\.md", repr(made))
    assert sorted(there) == sorted({name for name in site.pages if not name.startswith("source/")})
    assert {place(source) for source in sources() if source.startswith("docs/")} <= {*there}
    parts = {name: [*entries] for entry in made for name, entries in entry.items()}
    assert {"Benchmarks": "results/benchmarks.md"} in parts["Results"] and parts["Reference"][0] == "reference/index.md"


def test_every_question_of_the_reference_is_on_the_page_of_its_situation() -> None:
    reference = (ROOT / "docs/reference.md").read_text()
    site = Site()
    for question in re.findall(r"^### (.*)$", reference, re.M):
        heading = question.replace(" ", "-")
        page = re.search(rf"\[{re.escape(question)}\]\(([\w-]+\.md)#{heading}\)", site.pages["reference/index.md"])
        assert page and f"\n## {question}\n" in site.pages[f"reference/{page[1]}"]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("λ_i = 2π θ^{2i/d_h}", "λ<sub>i</sub> = 2π θ<sup>2i/d<sub>h</sub></sup>"),
        ("falls as d^−γ, by L^{1.628}", "falls as d<sup>−γ</sup>, by L<sup>1.628</sup>"),
        ("log_θ(T/2π) and Σ_{d≤D} d^−γ", "log<sub>θ</sub>(T/2π) and Σ<sub>d≤D</sub> d<sup>−γ</sup>"),
        ("d < 2π. dγ/dγ_Padé, x > 1", "d < 2π. dγ/dγ<sub>Padé</sub>, x > 1"),
        ("θ_eff,obs, γ_Padé", "θ<sub>eff,obs</sub>, γ<sub>Padé</sub>"),
        ("rope_theta, `d_h`, [`a_b`](#a_b), e^{−z}", "rope_theta, `d_h`, [`a_b`](#a_b), e<sup>−z</sup>"),
        ("U = E[ln d] [nats]", "U = E\\[ln d\\] \\[nats\\]"),
        ("[a page](x.md) [another](y.md)", "[a page](x.md) [another](y.md)"),
    ],
)
def test_mathematics(written: str, shown: str) -> None:
    assert as_html(written) == shown


def test_docstrings_as_markdown() -> None:
    pytest.importorskip("griffe", reason="No griffe: pip install 'ropescope[docs]'")
    from site_docstrings import as_markdown

    text = "Sums.\n\nmass: [prompts, bins] of `x[0]`\nand more\nother: text\n\n>>> 1 + 1\n2\n\nRaises X."
    assert as_markdown(text, {"mass"}) == (
        "Sums.\n\n\n- `mass`: \\[prompts, bins\\] of `x[0]`\nand more\nother: text\n\n\n```pycon\n>>> 1 + 1\n2\n```\n\nRaises X."
    )


def test_api_pages_name_what_each_room_exports() -> None:
    import importlib

    made = pages()
    for room in ROOMS:
        package = importlib.import_module(f"ropescope.{room}")
        listed = set(re.findall(r"^::: [\w.]+\.(\w+)$", made[f"api/{room}.md"], re.M))
        assert listed == {*getattr(package, "__all__", listed)}


def test_every_question_is_on_the_page_of_functions() -> None:
    from ropescope.questions.calling import function_name
    from ropescope.questions.registry import built_in

    headings = re.findall(r'"heading": "(\w+)"', pages()["api/questions.md"])
    assert sorted(headings) == sorted(map(function_name, built_in().values()))


def test_links_that_lead_nowhere_are_found(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "index.html").write_text(
        '<h1 id="top">x</h1><a href="deep/">ok</a><a href="#top">ok</a><a href="deep/#q=fit">ok</a><a href="deep/#there">ok</a>'
        '<a href="deep/#missing">1</a>'
        '<a href="none/">2</a><img src="none.png"><a href="/deep/">4</a><a href="https://host.example/">out</a>'
        '<a href="page/#/fit">ok</a><img src="https://host.example/x.png"><link href="https://host.example/y">'
    )
    (tmp_path / "deep" / "index.html").write_text('<p id="there"></p><a href="..">ok</a><a href="../../up">5</a>')
    wrong, others = broken(tmp_path, beside=("page",))
    assert wrong == [
        "deep/index.html: ../../up leads to no file",
        "index.html: deep/#missing leads to no heading",
        "index.html: none/ leads to no file",
        "index.html: none.png leads to no file",
        "index.html: /deep/ leads to no file",
        "index.html: https://host.example/x.png is fetched from another host",
    ]
    assert others == ["https://host.example/"]
    assert "index.html: page/#/fit leads to no file" in broken(tmp_path)[0]
