"""What can be read without asking: every list that a question gives, one entry of it, and the answers that are kept."""

from __future__ import annotations

from urllib.parse import quote, unquote

from mcp_types import Resource, ResourceTemplate

from ropescope.app.mcp.kept import Kept
from ropescope.errors import InputError
from ropescope.questions.inputs import fields_of
from ropescope.questions.kinds import Output
from ropescope.questions.names import shown
from ropescope.questions.question import Question
from ropescope.questions.registry import built_in

SCHEME = "ropescope://"
KEPT = f"{SCHEME}kept/"
_MOST_LISTED = 20


def resources(kept: Kept) -> list[Resource]:
    """The lists, and the answers that were kept last."""
    lists = [
        Resource(
            uri=f"{SCHEME}{_slug(question)}", name=question.name, description=question.asks, mime_type="text/plain"
        )
        for question in built_in().values()
        if question.lists
    ]
    answers = []
    for entry in kept.newest()[:_MOST_LISTED]:
        answer = entry.read()
        if answer is not None and "report" in answer:
            answers.append(
                Resource(
                    uri=f"{KEPT}{entry.id}", name=entry.id, description=answer["report"]["verdict"],
                    mime_type="application/json",
                )
            )  # fmt: skip
    return [*lists, *answers]


def templates() -> list[ResourceTemplate]:
    """One entry of a list: a formula, a claim, a model of the atlas."""
    made = [
        ResourceTemplate(
            uri_template=f"{SCHEME}{_slug(question)}/{{{question.placed[0]}}}", name=question.name,
            description=question.asks, mime_type="text/plain",
        )
        for question in built_in().values()
        if _by_one(question)
    ]  # fmt: skip
    whole = ResourceTemplate(
        uri_template=f"{KEPT}{{id}}", name="kept answer", description="The whole report.", mime_type="application/json"
    )
    return [*made, whole]


def question_of(uri: str) -> tuple[Question, dict[str, str]]:
    """(the question that a resource answers, its inputs). Raises InputError for no such resource."""
    name, _, rest = uri.removeprefix(SCHEME).partition("/")
    question = next((one for one in built_in().values() if _slug(one) == name), None)
    if uri.startswith(SCHEME) and question is not None:
        if rest and _by_one(question):
            return question, {question.placed[0]: unquote(rest)}
        if not rest and question.lists:
            return question, {}
    raise InputError("uri", f"There is no resource {shown(uri)}.")


def _by_one(question: Question) -> bool:
    """Whether one input tells which entry is meant: it has a list, or is of a group that has one."""
    group = built_in().get(question.name.partition(" ")[0])
    listed = question.lists or (group is not None and group is not question and group.lists)
    if not listed or len(question.placed) != 1 or question.needs == "weights" or question.changes:
        return False
    return not any(isinstance(one.kind, Output) for one in fields_of(question.inputs_type))


def _slug(question: Question) -> str:
    return quote(question.name.replace(" ", "-"))
