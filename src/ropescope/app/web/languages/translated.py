"""What the page shows, in another language: answers, errors and problems, and the words of its forms.

An answer keeps its shape. Numbers, units, what is machine-readable and what is to be copied stay as they are. `english` lists the
texts that are English still, wholly or in part, so that the page can mark them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from textwrap import wrap
from typing import Any, Final

from ropescope.app.web.forms import catalogue, form
from ropescope.app.web.languages.catalogues import LANGUAGES, known_language, messages
from ropescope.app.web.languages.sentences import Sentences, sentences
from ropescope.errors import RopescopeError
from ropescope.questions.registry import questions

_UNIT: Final = re.compile(r"(?P<name>.*) (?P<unit>\([^()]*\))")
_NUMBER: Final = re.compile(r"(?P<number>[-−+]?[\d.,]+(?:e-?\d+)?)(?: (?P<unit>.*))?|–")
_DRAWN: Final = ("title", "subtitle", "text")
"""Keys of a Vega-Lite spec that hold words for people."""


class _Say:
    """Says texts in a language, and remembers those that are English still."""

    def __init__(self, said_by: Sentences) -> None:
        self.said_by = said_by
        self.english: dict[str, None] = {}

    def __call__(self, text: str) -> str:
        """One text."""
        said = self.said_by.say(text)
        if said.left:
            self.english[said.text] = None
        return said.text

    def heading(self, text: str) -> str:
        """The heading of a column, its unit kept."""
        found = None if self.said_by.say(text).left == 0 else _UNIT.fullmatch(text)
        return f"{self(found['name'])} {found['unit']}" if found else self(text)

    def value(self, text: str) -> str:
        """A value: a number as it is, its unit and words in the language."""
        found = _NUMBER.fullmatch(text)
        if found is None or found["unit"] is None:
            return text if found else self(text)
        whole = self.said_by.say(text)
        if whole.left == 0 and whole.text != text and found["unit"][0].isalpha():
            return self(text)
        return f"{found['number']} {self(found['unit'])}"

    def drawn(self, spec: Any) -> Any:
        """A figure's titles."""
        if isinstance(spec, Mapping):
            return {
                key: self._titled(value)
                if key in _DRAWN
                else value
                if key in ("data", "datasets")
                else self.drawn(value)
                for key, value in spec.items()
            }
        return [self.drawn(one) for one in spec] if isinstance(spec, list) else spec

    def _titled(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.heading(value)
        if isinstance(value, list) and all(isinstance(one, str) for one in value):  # one sentence, broken into lines
            return wrap(self(" ".join(value)), max(map(len, value), default=1))
        return self.drawn(value)


def translated(made: Mapping[str, Any], language: str) -> dict[str, Any]:
    """An answer of `backend.answer` in `language`, with `english`. What the page does not speak is English."""
    if language not in LANGUAGES or language == "en":
        return dict(made)
    say = _Say(sentences(language))
    changed: dict[str, Any] = dict(made)
    if "error" in made:
        changed["error"] = {**made["error"], "message": say(made["error"]["message"])}
    if "report" in made:
        changed["report"] = {**_report(made["report"], say), "english": list(say.english)}
    return {**changed, "english": list(say.english)}


def translated_problems(found: Mapping[str, str], language: str) -> dict[str, str]:
    """Problems of `backend.problems` in `language`."""
    if language not in LANGUAGES or language == "en":
        return dict(found)
    say = _Say(sentences(language))
    return {field: say(text) for field, text in found.items()}


def page_words(language: str) -> dict[str, str]:
    """What the page looks up, by its English: its own words, and all that the catalogue and the forms say. Empty for English."""
    if known_language(language) == "en":
        return {}
    said_by = sentences(language, ("questions",))
    words = dict(messages(language, "page"))
    for text in _registry_texts():
        said = said_by.say(text)
        if text not in words and said.text != text:
            words[text] = said.text
    return words


def _registry_texts() -> dict[str, None]:
    """Every text of the catalogue and the forms that a person reads."""
    found: dict[str, None] = {}
    for situation in catalogue()["situations"]:
        found[situation["title"]] = None
    for question in questions():
        found |= dict.fromkeys(filter(None, (question.asks, question.copied, question.keeps)))
        try:
            made = form(question)
        except RopescopeError:
            continue
        for field in made["fields"]:
            found |= dict.fromkeys(text for text in (field["help"], field["accepts"], field["group"]) if text)
    return found


def _report(report: Mapping[str, Any], say: _Say) -> dict[str, Any]:
    return {
        **report,
        "title": say(report["title"]),
        "verdict": say(report["verdict"]),
        "facts": [
            {
                **fact,
                "name": say(fact["name"]),
                "value": say.value(fact["value"]),
                "source": say(fact["source"]),
                "note": say(fact["note"]),
            }
            for fact in report["facts"]
        ],
        "tables": [
            {
                **table,
                "title": say(table["title"]),
                "heads": [{**head, "text": say.heading(head["text"])} for head in table["heads"]],
                "rows": [[{**cell, "text": say.value(cell["text"])} for cell in row] for row in table["rows"]],
                "note": say(table["note"]),
            }
            for table in report["tables"]
        ],
        "figures": [
            {
                **figure,
                "title": say(figure["title"]),
                "caption": say(figure["caption"]),
                "spec": say.drawn(figure["spec"]),
            }
            for figure in report["figures"]
        ],
        "caveats": [say(text) for text in report["caveats"]],
        "steps": [{**step, "why": say(step["why"])} for step in report["steps"]],
    }
