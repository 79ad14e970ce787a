"""What has to be so of every chat template: each check by the texts that were rendered."""

from __future__ import annotations

import re
from typing import Final

from ropescope.checks.prompts.template.check import Check, Seen, ending, kept_characters, quoted, token_start
from ropescope.checks.prompts.template.further import date, marks, reasoning, spaces, tools
from ropescope.checks.prompts.template.prompts import ANSWER, FOLLOW_UP, QUESTION, SYSTEM
from ropescope.models.chat_templates import ChatTemplates

_MARKUP: Final = re.compile(r"<[^<>\s]{1,40}>|\[/?[A-Za-z_]{1,30}\]|\[\|\w{1,30}\|\]")
"""What templates of most families write around a turn: <|im_start|>, [INST], <start_of_turn>."""

_ROLES: Final = ("system", "developer", "user", "human", "assistant", "model")


def checks_of(seen: Seen, found: ChatTemplates) -> tuple[Check, ...]:
    """Every check, in the order in which a violation matters."""
    first = renders(seen)
    if first.state == "violated":
        return (first,)
    every = (
        first, end_of_turn(seen, found), system(seen), added_text(seen, found), generation_prompt(seen), prefix(seen),
        bos(seen, found), alternation(seen), *tools(seen), *reasoning(seen), spaces(seen), marks(seen), date(seen),
    )  # fmt: skip
    return tuple(check for check in every if check is not None)


def renders(seen: Seen) -> Check:
    """Whether a message of a user comes out at all."""
    name, made = "User message", seen["question"]
    if made.text is None:
        return Check(name, "violated", "refused", f"The template does not render one user message: {quoted(made.why)}.")
    if QUESTION not in made.text:
        return Check(name, "violated", "lost", "The template leaves out the text of a user's message.")
    return Check(name, "holds", "kept", "The text is in the prompt as it was given.")


def end_of_turn(seen: Seen, found: ChatTemplates) -> Check:
    """Whether what ends an assistant's turn also ends generation."""
    name, text = "End of turn", seen["answered"].text
    if text is None or ANSWER not in text:
        return Check(name, "not known", "no answer", "The template renders no answer after one user message.")
    # Where nothing ends the last turn, as of GLM, the begin of the next one does.
    tail = text.rpartition(ANSWER)[2]
    tail = tail if tail.strip() else user_header(seen) or ""
    if not tail.strip():
        return Check(name, "violated", "none", "The template writes nothing that ends an assistant's turn.")
    if not found.stops:
        ends = (
            "its tokens have no text in the files" if found.stops_from else "no file says so; give the model's folder"
        )
        says = f"An answer ends with {quoted(tail)}. Where generation ends is not known: {ends}."
        return Check(name, "not known", "no token", says)
    told = f"{', '.join(found.stops[:6])} ({found.stops_from})"
    says = f"An answer ends with {quoted(tail)}, and generation with {told}."
    if any(stop in tail for stop in found.stops):
        return Check(name, "holds", "stops", says)
    if found.kind == "gguf":
        return Check(name, "not known", "by name", f"{says} llama.cpp also stops at tokens that it knows by name.")
    return Check(name, "violated", "does not stop", says)


def system(seen: Seen) -> Check:
    """What becomes of a system message."""
    name, made = "System message", seen["system"]
    if made.text is None:
        return Check(name, "violated", "refused", f"The template refuses a system message: {quoted(made.why)}.")
    if SYSTEM not in made.text:
        return Check(name, "violated", "dropped", "The template leaves a system message out without an error.")
    _, _, after = made.text.partition(SYSTEM)
    between, there, _ = after.partition(QUESTION)
    header = user_header(seen)
    if there and header is not None and not re.search(r"\w", ending(between, header)):
        return Check(name, "holds", "merged", "It becomes part of the first user message.")
    return Check(name, "holds", "kept", "It has a turn of its own.")


def user_header(seen: Seen) -> str | None:
    """What stands before a user's message after an answer; None where no second question is rendered."""
    text = seen["second question"].text
    if text is None or ANSWER not in text or FOLLOW_UP not in text:
        return None
    return text.partition(ANSWER)[2].partition(FOLLOW_UP)[0]


def added_text(seen: Seen, found: ChatTemplates) -> Check:
    """Whether a template adds words of its own before the first message."""
    name, header = "Added text", user_header(seen)
    before = (seen["question"].text or "").partition(QUESTION)[0]
    if header is None:
        return Check(name, "not known", "no second turn", "No second turn is rendered to compare the first with.")
    end = len(before) - len(ending(before, header))
    if before.rfind("<", 0, end) > before.rfind(">", 0, end):  # inside of markup whose end the header has, too
        end = before.find(">", end) + 1
    own = before[:end]
    lines = _lines(own, found)
    words = [line for line in lines if line.lower() not in _ROLES and re.search(r"\w", line)]
    if not words:
        empty = " It begins with a system turn without words." if lines and seen["system"].text else ""
        return Check(name, "holds", "none", f"Without a system message, it adds no words of its own.{empty}")
    beside = set(words) <= set(_lines(seen["system"].text or "", found))
    then = f" A system message of your own {'comes beside it' if beside else 'replaces it'}."
    says = f"The template adds a system message that you did not send: {quoted(chr(10).join(words), 130)}."
    says += then if SYSTEM in (seen["system"].text or "") else ""
    return Check(name, "violated", f"{sum(map(len, words)):,} characters", says)


def _lines(text: str, found: ChatTemplates) -> list[str]:
    """The lines of a text without the markup of turns, which ends a line, too."""
    for token in found.tokens.values():
        text = text.replace(token, "\n")
    return [line.strip() for line in _MARKUP.sub("\n", text).splitlines() if line.strip()]


def generation_prompt(seen: Seen) -> Check:
    """What `add_generation_prompt` adds."""
    name = "Generation prompt"
    plainly, asked = seen["question"].text or "", seen["question, to answer"].text
    answered = seen["answered"].text or ""
    if asked is None:
        why = quoted(seen["question, to answer"].why)
        return Check(name, "violated", "refused", f"The template refuses a generation prompt: {why}.")
    if not asked.startswith(plainly):
        return Check(name, "violated", "changes text", "A generation prompt changes the text before it.")
    added = asked[len(plainly) :]
    if added:
        return Check(name, "holds", "added", f"{quoted(added)} begins the assistant's turn.")
    if ANSWER not in answered:
        return Check(name, "not known", "none", "Nothing is added, and no answer shows whether anything is needed.")
    header = answered.partition(ANSWER)[0][kept_characters(plainly, answered) :]
    if not header.strip():
        return Check(name, "holds", "not needed", "An answer follows the user's turn at once.")
    says = f"The template ignores add_generation_prompt: {quoted(header)} has to begin the assistant's turn, and is missing."
    return Check(name, "violated", "none", says)


TURNS: Final = (
    ("generation prompt", "question", "question, to answer"),
    ("first answer", "question, to answer", "answered"),
    ("second question", "answered", "second question, to answer"),
    ("second answer", "second question, to answer", "second answer"),
)
"""A conversation that grows: what is added, the prompt before it, and the prompt after it."""


def prefix(seen: Seen) -> Check:
    """Whether a prompt stays as it is when a turn is added, which prompt caches need."""
    name = "Earlier text"
    pairs = [(what, seen[old].text, seen[new].text) for what, old, new in TURNS]
    if any(old is None or new is None for _, old, new in pairs):
        return Check(name, "not known", "no second turn", "A second turn is not rendered.")
    for what, old, new in pairs:
        assert old is not None and new is not None
        kept = kept_characters(old, new)
        if kept < len(old):
            cut, then = quoted(old[token_start(old, kept) :], 60), quoted(new[token_start(new, kept) :], 60)
            says = f"Adding the {what} changes earlier text: {kept:,} of {len(old):,} characters stay."
            says += f" Then {cut} becomes {then}, and a prompt cache ends there."
            return Check(name, "violated", f"{kept:,} of {len(old):,} stay", says)
    return Check(name, "holds", "kept", "Each added turn leaves the text before it as it was, so prompt caches work.")


def bos(seen: Seen, found: ChatTemplates) -> Check:
    """Whether a prompt that is encoded has BOS once."""
    name, token, text = "BOS", found.tokens.get("bos_token"), seen["question, to answer"].text or ""
    if token is None and found.kind == "text":
        return Check(name, "not known", "not in the files", "A template alone names no BOS token.")
    if token is None:
        return Check(name, "noted", "none", "The files name no BOS token.")
    if text.startswith(token + token):
        return Check(name, "violated", "written twice", f"The template writes {token} twice.")
    if not text.startswith(token):
        says = "The template writes none" + (
            ", and the tokenizer adds one to plain text only: chat prompts have none." if found.adds_bos else "."
        )
        return Check(name, "noted", "not written", says)
    if found.adds_bos is None:
        says = f"The template writes {token}; no file says whether the tokenizer adds another."
        return Check(name, "not known", "written", says)
    if not found.adds_bos:
        says = f"The template writes {token}, and the tokenizer adds none ({found.adds_bos_from})."
        return Check(name, "holds", "once", says)
    how = (
        "llama.cpp's chat endpoint removes one; its completion endpoint does not"
        if found.kind == "gguf"
        else "apply_chat_template encodes with add_special_tokens=False; do the same"
    )
    says = f"Rendered text gets {token} twice if it is encoded by default: the template and the tokenizer add it. Note: {how}."
    return Check(name, "violated", "twice if encoded by default", says)


def alternation(seen: Seen) -> Check:
    """What becomes of two messages of a user in a row."""
    name, made = "Two user messages", seen["two questions"]
    if made.text is None:
        return Check(name, "noted", "refused", f"Roles must alternate: {quoted(made.why)}.")
    lost = [text for text in (QUESTION, FOLLOW_UP) if text not in made.text]
    if lost:
        says = f"Of two user messages in a row, {quoted(lost[0])} is left out without an error."
        return Check(name, "violated", "one dropped", says)
    return Check(name, "holds", "kept", "Both are in the prompt.")
