"""Asking: is a prompt rendered right? A chat template rendered, checked, and compared with another or with llama.cpp."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.util import find_spec
from typing import Any, Final

from ropescope.checks.prompts.template.check import Check, Seen, kept_characters, quoted, violations
from ropescope.checks.prompts.template.checks import checks_of
from ropescope.checks.prompts.template.comparing import Comparison, compare, differences
from ropescope.checks.prompts.template.figure import turns_figure
from ropescope.checks.prompts.template.messages import Given, lost, read_messages
from ropescope.checks.prompts.template.rendered import NOT_OF_LLAMA_CPP, YOURS, Rendering, Work
from ropescope.models.chat_templates import (
    ChatTemplate,
    ChatTemplates,
    GoTemplateError,
    read_chat_templates,
)
from ropescope.questions.domains import Choice
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import FileOrText, Text
from ropescope.questions.question import Run
from ropescope.report.report import Column, Fact, Report, Step, Table

SOURCES: Final = "a model folder, a .gguf file, a Hub id, a template file, or the text of a template"


@dataclass(frozen=True, kw_only=True)
class TemplateInputs:
    """A chat template, and what it is to be tested with."""

    source: str = asked(
        FileOrText(what=SOURCES),
        "A model folder, .gguf file, Hub id, template file, or the template's text.",
        placed=True,
        group="model",
    )
    revision: str | None = asked(Text(), "Branch, tag or commit of a Hub model.", default=None, group="model")
    name: str | None = asked(
        Text(), "Which of several named templates; default: as transformers chooses.", default=None, group="model"
    )
    messages: str | None = asked(
        FileOrText(what="a JSON file with messages, or the JSON itself"),
        "Your messages: a JSON list, or a request with messages and tools.",
        default=None,
    )
    against: str | None = asked(FileOrText(what=SOURCES), "A second source, to compare what both render.", default=None)
    engine: str = asked(
        Choice(("transformers", "llama.cpp")),
        "llama.cpp: let llama.cpp render each prompt, too, and compare.",
        default="transformers",
    )


def answer(inputs: TemplateInputs, run: Run) -> Report:
    """Whether the prompts of a chat template are right."""
    given = None if inputs.messages is None else read_messages(inputs.messages)
    if inputs.engine == "llama.cpp" and find_spec("xllamacpp") is None:
        raise ModuleNotFoundError("No module named 'xllamacpp'", name="xllamacpp")
    try:
        found = read_chat_templates(inputs.source, "source", inputs.revision)
        other = None if inputs.against is None else read_chat_templates(inputs.against, "against")
    except GoTemplateError as error:
        return _not_rendered(error)
    tools = given is not None and given.prompt.tools is not None
    work = Work(found, found.chosen(inputs.name, tools=tools), given, other, datetime.now())
    seen = work.seen
    comparisons = [] if other is None else [_with_other(work, other, other.chosen(inputs.name, tools=tools))]
    checks = [] if given is None else your_checks(given, seen, work.earlier)
    if inputs.engine == "llama.cpp":
        run.say("llama.cpp renders the same prompts")
        comparisons.append(_with_llama_cpp(work))
    checks += [*(one.check for one in comparisons), *checks_of(seen, found)]
    unknown = any(one.state == "not known" for one in checks)
    shown = YOURS if given is not None else "second question, to answer"
    return Report(
        title=f"Chat template of {found.name}",
        verdict=_verdict(checks, [one.check.says for one in comparisons if one.check.state == "holds"]),
        facts=_facts(work),
        tables=(
            _check_table(checks),
            *(one.table for one in comparisons if one.table),
            *_prompt_table(shown, seen[shown]),
        ),
        figures=tuple(
            figure for figure in (turns_figure(seen, found.name), *(one.figure for one in comparisons)) if figure
        ),
        caveats=(*found.notes, *work.notes, *(() if other is None else other.notes)),
        next_steps=_next_steps(inputs, found),
        data={
            **_of_template(found, work.template),
            "checks": [asdict(one) for one in checks],
            "rendered": {name: {"refused": one.why} if one.text is None else one.text for name, one in seen.items()},
            "compared": {one.check.name: one.data for one in comparisons},
        },
        holds=False if violations(checks) else None if unknown else True,
    )


def _with_other(work: Work, other: ChatTemplates, chosen: ChatTemplate) -> Comparison:
    also = "" if chosen.text == work.template.text else " The texts of the templates differ."
    names = (work.found.name, other.name if other.name != work.found.name else f"{other.name} (the other)")
    ours = {name: one for name, one in work.seen.items() if name != "tomorrow"}
    found = compare("The other source", ours, work.rendered(other, chosen), names, also)
    return found._replace(data={**_of_template(other, chosen), **found.data})


def _with_llama_cpp(work: Work) -> Comparison:
    ours = {name: one for name, one in work.seen.items() if name not in NOT_OF_LLAMA_CPP}
    theirs, why = work.by_llama_cpp(tuple(ours))
    if theirs is None:
        says = f"llama.cpp does not render this template{why}."
        return Comparison(Check("llama.cpp", "not known", "not rendered", says))
    names = ("transformers", "llama.cpp")
    found = compare("llama.cpp", ours, theirs, names)
    if not found.data["different"]:
        return found
    # Where it is enable_thinking alone that sets them apart, that is said.
    left = len(differences(work.thinking(tuple(ours)), theirs))
    if left == len(found.data["different"]):
        return found
    also = f" With enable_thinking true, as llama.cpp has it, {left or 'none'} would differ."
    return compare("llama.cpp", ours, theirs, names, also)


def your_checks(given: Given, seen: Seen, earlier: Sequence[Rendering]) -> list[Check]:
    """The checks of messages that were given: whether all are in the prompt, and whether earlier prompts stay."""
    name, made = "Your messages", seen[YOURS]
    if made.text is None:
        return [Check(name, "violated", "refused", f"The template refuses your messages: {quoted(made.why, 200)}.")]
    missing = lost(given.prompt.messages, made.text)
    if missing:
        which = f"message{'s' if len(missing) > 1 else ''} {', '.join(missing[:8])}"
        says = f"The template leaves out the text of your {which} without an error."
        return [Check(name, "violated", f"{len(missing)} left out", says)]
    n = len(given.prompt.messages)
    says = f"The text of {f'all {n} messages' if n > 1 else 'your message'} is in the prompt."
    checks = [Check(name, "holds", "kept", says)]
    for before in earlier:
        if before.text is not None and (kept := kept_characters(before.text, made.text)) < len(before.text):
            says = (
                f"An earlier prompt of your conversation changes: {kept:,} of its {len(before.text):,} characters stay."
            )
            says += " A prompt cache ends there."
            return [*checks, Check("Your earlier prompts", "violated", f"{kept:,} of {len(before.text):,} stay", says)]
    if earlier:
        checks.append(Check("Your earlier prompts", "holds", "kept", "Each is the start of the last one."))
    return checks


def _verdict(checks: Sequence[Check], alike: Sequence[str]) -> str:
    """What is violated; `alike` are the sentences of comparisons that found no difference."""
    wrong = violations(checks)
    unknown = [one.name for one in checks if one.state == "not known"]
    tested = sum(one.state == "holds" for one in checks)
    if not wrong and not unknown:
        return " ".join((*alike, f"All {tested} checks hold."))
    if not wrong:
        untold = f"None of the {tested} checks that could be made is violated. Not known: {', '.join(unknown)}."
        return " ".join((*alike, untold))
    more = ", ".join(one.name for one in wrong[1:])
    return " ".join((wrong[0].says, *([f"Also violated: {more}."] if more else []), *alike))


def _facts(work: Work) -> tuple[Fact, ...]:
    found, template = work.found, work.template
    names = [one.name for one in found.templates]
    digest = hashlib.sha256(template.text.encode("utf-8", "replace")).hexdigest()
    facts = [
        Fact(
            "template",
            f"{len(template.text):,} characters",
            "",
            "config",
            template.where,
            note=f"SHA-256 {digest[:12]}",
        ),
        Fact("named templates", ", ".join(names[:12]), basis="config", note=f"rendered: {template.name}"),
        Fact("special tokens", " ".join(f"{key} {text}" for key, text in found.tokens.items()), basis="config"),
        Fact("revision", found.revision, basis="config", source="the commit that was read"),
    ]
    kept = [fact for fact in facts if fact.value and (fact.name != "named templates" or len(names) > 1)]
    how = "jinja2's sandbox, as transformers renders; in a process of its own"
    return (*kept, Fact("prompts rendered", len(work.seen), basis="measured", source=how))


def _check_table(checks: Sequence[Check]) -> Table:
    rows = tuple((one.name, one.found if one.state in ("holds", "noted") else one.state, one.says) for one in checks)
    return Table("Checks", (Column("check"), Column("result"), Column("what it means")), rows)


def _prompt_table(name: str, rendering: Rendering) -> list[Table]:
    if rendering.text is None:
        return []
    rows = tuple((number, line) for number, line in enumerate(rendering.text.split("\n"), 1))
    return [Table(f"Prompt: {name}", (Column("line"), Column("text")), rows[:500], limit=40)]


def _next_steps(inputs: TemplateInputs, found: ChatTemplates) -> tuple[Step, ...]:
    if inputs.engine != "llama.cpp" and found.kind != "text":
        return (
            Step("template", {"source": found.spelled, "engine": "llama.cpp"}, "Whether llama.cpp renders the same"),
        )
    return ()


def _of_template(found: ChatTemplates, template: ChatTemplate) -> dict[str, Any]:
    return {
        "source": found.spelled, "revision": found.revision, "where": template.where, "name": template.name,
        "template": template.text, "templates": [one.name for one in found.templates], "tokens": dict(found.tokens),
        "stops": list(found.stops), "adds_bos": found.adds_bos,
    }  # fmt: skip


def _not_rendered(error: GoTemplateError) -> Report:
    return Report(
        title="Chat template",
        verdict=f"Not known: {error} It is not rendered here: only Jinja templates are.",
        caveats=("Ollama keeps the model as a GGUF file, whose own template is read here: name that file.",),
        data={"checks": [], "rendered": {}},
    )
