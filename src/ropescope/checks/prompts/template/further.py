"""What a user should know of a template's tools, reasoning, spaces, marks and date: checks that are seldom violated."""

from __future__ import annotations

from ropescope.checks.prompts.template.check import Check, Seen, quoted
from ropescope.checks.prompts.template.prompts import (
    ANSWER,
    CITY,
    FOLLOW_UP,
    QUESTION,
    REASONING,
    SECOND,
    TOOL_NAME,
    WEATHER,
)


def tools(seen: Seen) -> tuple[Check, ...]:
    """Whether tools, their calls and their results reach the prompt."""
    listed, called, as_text = seen["tools"], seen["tool call"], seen["tool call, text arguments"]
    if listed.text is None:
        return (Check("Tools", "noted", "refused", f"The template refuses tools: {quoted(listed.why)}."),)
    if TOOL_NAME not in listed.text:
        return (Check("Tools", "noted", "not rendered", "Tools that you pass are not in the prompt."),)
    described = Check("Tools", "holds", "described", "Their names are in the prompt.")
    if called.text is None:
        says = f"The template refuses a call with its result: {quoted(called.why)}."
        return described, Check("Tool calls", "noted", "refused", says)
    lost = [what for what, text in (("the call", CITY), ("the result", WEATHER)) if text not in called.text]
    if lost:
        says = f"The template leaves out {' and '.join(lost)} of a tool without an error."
        return described, Check("Tool calls", "violated", "dropped", says)
    says = "A call and its result are in the prompt."
    if as_text.text is None:
        says += " Arguments as text are refused: give an object."
    elif f'\\"{CITY}\\"' in as_text.text and f'\\"{CITY}\\"' not in called.text:
        says += " Arguments as text are quoted twice: give an object, as transformers does not parse them."
    return described, Check("Tool calls", "holds", "kept", says)


def reasoning(seen: Seen) -> tuple[Check, ...]:
    """What becomes of the reasoning of an assistant, last and in earlier turns."""
    last, earlier, inline = (
        seen[name].text or "" for name in ("reasoning", "reasoning, earlier", "reasoning inline, earlier")
    )
    if REASONING in earlier:
        found = ("kept", "The reasoning of every turn stays in the prompt.")
    elif REASONING in last:
        found = ("stripped", "The reasoning of earlier turns is left out; that of the last answer stays.")
    else:
        found = ("not rendered", "The field reasoning_content is not read.")
    where = "stays" if REASONING in inline else "is left out"
    says = f"{found[1]} Reasoning in an earlier text, between <think> tags, {where}."
    return (Check("Reasoning", "noted", found[0], says),) if inline or earlier else ()


def spaces(seen: Seen) -> Check | None:
    """Whether spaces and line breaks at the ends of a message stay."""
    text = seen["spaces"].text
    if text is None or QUESTION not in text:
        return None
    if f"  {QUESTION}\n" in text:
        return Check("Spaces", "holds", "kept", "Texts are rendered to the letter.")
    return Check("Spaces", "noted", "trimmed", "Spaces and line breaks at the ends of a message are removed.")


def marks(seen: Seen) -> Check:
    """Whether the parts that an assistant wrote are marked, which training on answers alone needs."""
    name, made = "Generation tag", seen["second answer"]
    if made.text is None or not made.marks:
        says = "It has no {% generation %} tag, so training on answers alone needs a mask of another kind."
        return Check(name, "noted", "absent", says)
    marked = [made.text[start:end] for start, end in made.marks]
    missing = [text for text in (ANSWER, SECOND) if not any(text in part for part in marked)]
    if missing or any(text in part for part in marked for text in (QUESTION, FOLLOW_UP)):
        says = "Its {% generation %} tag does not mark exactly what the assistant wrote."
        return Check(name, "violated", "wrong parts", says)
    return Check(name, "holds", "marks answers", f"An answer is marked as {quoted(marked[-1], 60)}.")


def date(seen: Seen) -> Check | None:
    """Whether the day is part of the prompt."""
    if seen["tomorrow"].text == seen["question"].text:
        return None
    return Check("Date", "noted", "in the prompt", "The prompt holds today's date: prompt caches start anew each day.")
