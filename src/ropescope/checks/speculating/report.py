"""The report on speculative decoding: who takes the pair, how much faster it is, what it costs in memory."""

from __future__ import annotations

from typing import Any

from ropescope.checks.speculating.facts import facts
from ropescope.checks.speculating.figure import Mark, speedup_figure
from ropescope.checks.speculating.findings import Findings, Pair
from ropescope.checks.speculating.heads import built_in
from ropescope.checks.speculating.speedup import break_even, expected_tokens, speedup
from ropescope.checks.speculating.tables import tables
from ropescope.questions.names import listed
from ropescope.report.report import Report, Step


def speculative_report(found: Findings) -> Report:
    """What was found, in words, tables and a picture."""
    cost = found.cost.value
    marks = [Mark(f"α {one.value:.2f}", one.value, one.low, one.high) for one in found.headline]
    return Report(
        title=_title(found),
        verdict=_verdict(found),
        facts=facts(found),
        tables=tables(found),
        figures=(speedup_figure(cost, found.k, marks),) if cost is not None else (),
        caveats=_caveats(found),
        next_steps=_steps(found),
        data=_data(found),
        holds=found.holds,
    )


def _title(found: Findings) -> str:
    if found.target is None:
        return "Speculative decoding: the formula"
    if found.pair is None:
        return f"Speculative decoding of {found.target.name}"
    return f"Speculative decoding of {found.target.name} with {found.pair.draft.name}"


def _verdict(found: Findings) -> str:
    speed = _speed(found)
    if found.target is None:
        return f"{speed[0].upper()}{speed[1:]}."
    if found.pair is None:
        heads = built_in(found.target)
        if heads:
            return f"{found.target.name} brings {heads}: it can draft for itself, without a draft model."
        return f"The config of {found.target.name} names no draft head of its own: name a `draft`."
    if found.pair.head:
        name = found.pair.draft.name
        return f"{name} is an {found.pair.head} head, made for one target, whose vocabulary it takes; {speed}."
    serve = _serve(found, found.pair)
    return f"{serve}; {speed}." if found.serves is not False else f"{serve}."


def _serve(found: Findings, pair: Pair) -> str:
    draft, target = pair.draft.name, found.target.name if found.target else ""
    takes = {rules.engine: ruling.takes for rules, ruling in pair.rulings}
    if found.useless and pair.apart is not None and pair.apart.conflicts is not None:
        other = len(pair.apart.conflicts)
        both = f"of {(pair.apart.shared or 0) + other:,} ids, {other:,} are other tokens ({pair.apart.example})"
        return f"{draft} cannot draft for {target}: {both}"
    if found.engine_asked:
        rules, ruling = pair.rulings[0]
        named = f"{rules.engine} {rules.version}"
        if ruling.takes is None:
            return f"Not known whether {named} takes {draft} for {target}: it {ruling.says}"
        can = "can" if ruling.takes else "cannot"
        return f"{draft} {can} draft for {target} in {named}: {ruling.says.removeprefix('refuses: ')}"
    yes, no, unknown = ([name for name, one in takes.items() if one is value] for value in (True, False, None))
    if not yes and not no:
        return f"Not known whether {draft} can draft for {target}: {pair.why or 'no vocabulary size is stated'}"
    if yes:
        told = f"{draft} can draft for {target} in {listed(yes)}{f', not in {listed(no)}' if no else ''}"
    else:
        told = f"{draft} cannot draft for {target} in {listed(no)}"
    return told + (f"; of {listed(unknown)} it is not known" if unknown else "")


def _speed(found: Findings) -> str:
    cost, alphas = found.cost.value, found.headline
    if cost is None:
        return "how much faster is not known without `cost`"
    terms = f"k {found.k}, c {cost:.3g}"
    if not alphas:
        least, best = break_even(found.k, cost), " at best" if found.cost.basis == "formula" else ""
        return f"no α makes it faster ({terms})" if least is None else f"it pays from α {least:.2f} on{best} ({terms})"
    told = " to ".join(f"{one.value:.3g}" for one in alphas)
    tokens = " to ".join(f"{expected_tokens(one.value, found.k):.2f}" for one in alphas)
    times = " to ".join(f"× {speedup(one.value, found.k, cost):.2f}" for one in alphas)
    times = f"at most {times}" if found.cost.basis == "formula" else times
    if found.pays is False:
        word = "slower" if max(found.speeds, default=0) < 0.995 else "no faster"
        return f"{word}: {times} ({tokens} tokens a step, α {told}, {terms})"
    if found.pays is None:
        low, high = min(found.speeds), max(found.speeds)
        return f"undecided: × {low:.2f} to × {high:.2f} (α {told}, {terms})"
    return f"{tokens} tokens a step, {times} (α {told}, {terms})"


def _caveats(found: Findings) -> tuple[str, ...]:
    told = []
    if found.cost.value is not None:
        told.append(
            "The formula keeps each token with the same chance, and checks k + 1 tokens in the time of one: so at one sequence, "
            "not in a large batch."
        )
    if found.cost.basis == "formula" and found.cost.value is not None:
        told.append(
            "c leaves out launches and scheduling, which weigh more on a small draft, so the speed-up is a ceiling: time both."
        )
    if found.cost.bound is not None and found.k + 1 >= found.cost.bound:
        told.append(
            f"From {found.cost.bound:,} positions in a step on the target is bound by compute: checking costs more than a step."
        )
    if found.pair is not None and found.pair.apart is not None and found.pair.apart.rows[0] != found.pair.apart.rows[1]:
        told.append("Rows beyond the tokenizer's tokens are padding: sizes may differ where all tokens are the same.")
    if found.measured:
        told.append("α is of held-out text that both read; on text that the target writes itself it may differ.")
        if any(one.partial for one in found.measured):
            told.append("The run was interrupted: a part of the texts.")
    return tuple(told)


def _steps(found: Findings) -> tuple[Step | str, ...]:
    steps: list[Step | str] = []
    if found.pair is None:
        return ()
    target, draft = found.pair.spelled
    if not found.headline and not found.pair.head and found.serves is not False:
        steps.append(
            Step("speculative", {"target": target, "draft": draft, "measure": True}, "Measure α on held-out text")
        )
    steps += [
        f"{rules.engine}: {rules.command(*_named(found, rules.gguf), found.k)}"
        for rules, ruling in found.pair.rulings
        if ruling.takes and not found.useless and (rules.gguf or not _of_gguf(found))
    ]
    steps.append(
        Step("fit", {"source": target, "gpu": "…"}, "Whether the target fits; the draft needs its memory beside it")
    )
    return tuple(steps)


def _of_gguf(found: Findings) -> bool:
    """Whether one of the two is a GGUF file: then the commands of engines for checkpoints do not run it as it is."""
    models = [found.target, None if found.pair is None else found.pair.draft]
    return any(model is not None and model.source.kind == "gguf" for model in models)


def _named(found: Findings, gguf: bool) -> tuple[str, str]:
    """Target and draft as a command names them: of GGUF files the paths."""
    assert found.target is not None and found.pair is not None
    named = []
    for role, model in (("TARGET", found.target), ("DRAFT", found.pair.draft)):
        path = model.source.path if model.source.kind == "gguf" else None
        named.append(str(path) if path is not None else f"{role}.gguf" if gguf else model.source.spelled)
    return named[0], named[1]


def _data(found: Findings) -> dict[str, Any]:
    cost, apart = found.cost.value, None if found.pair is None else found.pair.apart
    return {
        "target": None if found.target is None else found.target.name,
        "draft": None if found.pair is None else found.pair.draft.name,
        "k": found.k,
        "cost_ratio": cost,
        "cost_source": found.cost.source,
        "break_even": None if cost is None else break_even(found.k, cost),
        "acceptances": [
            {
                **{name: getattr(one, name) for name in ("mode", "value", "low", "high", "partial")},
                "kept": list(one.kept),
                "tokens_a_step": expected_tokens(one.value, found.k),
                "speedup": None if cost is None else speedup(one.value, found.k, cost),
            }
            for one in (*found.given, *found.measured)
        ],
        "vocabularies": None
        if apart is None
        else {
            "rows": list(apart.rows),
            "same": apart.shared,
            "other": None if apart.conflicts is None else len(apart.conflicts),
            "target_only": apart.target_only,
            "draft_only": apart.draft_only,
            "added": apart.added,
            "special": None if apart.special is None else list(apart.special),
        },
        "engines": []
        if found.pair is None
        else [
            {"engine": rules.engine, "version": rules.version, "takes": ruling.takes, "says": ruling.says}
            for rules, ruling in found.pair.rulings
        ],
        "heads": "" if found.target is None else built_in(found.target),
        "head": "" if found.pair is None else found.pair.head,
    }
