"""The facts of speculative decoding: acceptance and speed-up, memory, the two vocabularies, draft heads."""

from __future__ import annotations

from ropescope.checks.speculating.costs import memory
from ropescope.checks.speculating.findings import Acceptance, Findings, Pair
from ropescope.checks.speculating.heads import built_in
from ropescope.checks.speculating.speedup import SOURCE, best_drafted, break_even, expected_tokens, speedup
from ropescope.checks.speculating.tables import MODE_WORDS
from ropescope.report.report import Basis, Fact


def facts(found: Findings) -> tuple[Fact, ...]:
    """Every fact that is known of the pair."""
    return (*_speed_facts(found), *_memory_facts(found), *_vocabulary_facts(found.pair), *_head_facts(found))


def _speed_facts(found: Findings) -> list[Fact]:
    facts: list[Fact] = []
    cost = found.cost.value
    for one in found.headline:
        given = one.mode == "given"
        basis: Basis = "assumed" if given else "measured"
        note = "" if given else MODE_WORDS[one.mode]
        facts.append(Fact("acceptance α", one.value, "", basis, one.protocol or "given", _ends(one), note))
        facts.append(
            Fact(
                "tokens a step",
                expected_tokens(one.value, found.k),
                "",
                "formula",
                SOURCE,
                _through(one, found.k, None),
            )
        )
        if cost is not None:
            facts.append(
                Fact(
                    "speed-up",
                    speedup(one.value, found.k, cost),
                    "times",
                    "formula",
                    "E / (kc + 1)",
                    _through(one, found.k, cost),
                )
            )
            facts.append(Fact("best k at this α and c", best_drafted(one.value, cost), "", "formula", "up to 64"))
    if cost is not None:
        facts.append(Fact("break-even α", break_even(found.k, cost), "", "formula", f"k {found.k}: E = kc + 1"))
        facts.append(Fact("cost ratio c", cost, "", found.cost.basis, found.cost.source))
    elif found.pair is not None:
        facts.append(Fact("cost ratio c", "not known", "", found.cost.basis, found.cost.source))
    return facts


def _ends(one: Acceptance) -> tuple[float, float] | None:
    return None if one.low is None or one.high is None else (one.low, one.high)


def _through(one: Acceptance, drafted: int, cost: float | None) -> tuple[float, float] | None:
    """The interval of the acceptance, as tokens a step or as a speed-up: both rise with it."""
    ends = _ends(one)
    if ends is None:
        return None
    low, high = (expected_tokens(end, drafted) if cost is None else speedup(end, drafted, cost) for end in ends)
    return low, high


def _memory_facts(found: Findings) -> list[Fact]:
    if found.target is None or found.pair is None:
        return []
    facts = []
    for role, model in (("target", found.target), ("draft", found.pair.draft)):
        held = memory(model, found.context)
        if held is not None:
            size, unit = (held.total / 2**30, "GiB") if held.total >= 2**30 else (held.total / 2**20, "MiB")
            note = f"weights, and a cache of {found.context:,} tokens in 16 bits"
            facts.append(Fact(f"memory of the {role}", size, unit, "formula", note))
    return facts


def _vocabulary_facts(pair: Pair | None) -> list[Fact]:
    if pair is None or pair.apart is None:
        return []
    apart, source = pair.apart, "tokenizer.json or GGUF header of both"
    rows = " and ".join("not known" if one is None else f"{one:,}" for one in apart.rows)
    facts = [Fact("vocab_size of target and draft", rows, "", "config", "rows of the output, padding included")]
    if apart.conflicts is None or apart.special is None or apart.kinds is None:
        return [*facts, Fact("tokens", "not compared", "", "config", pair.why)]
    facts += [
        Fact("ids that are the same token", apart.shared, "", "config", source),
        Fact("ids that are other tokens", len(apart.conflicts), "", "config", source, note=apart.example),
        Fact("ids of one alone", f"{apart.target_only:,} and {apart.draft_only:,}", "", "config", "target and draft"),
        Fact("added tokens of one alone", apart.added, "", "config", source),
        Fact(
            "special tokens with other ids", ", ".join(apart.special) or "none", "", "config", "bos, eos, pad and unk"
        ),
    ]
    if apart.kinds[0] != apart.kinds[1]:
        facts.append(
            Fact("tokenizers", " and ".join(kind or "not known" for kind in apart.kinds), "", "config", source)
        )
    return facts


def _head_facts(found: Findings) -> list[Fact]:
    if found.target is None:
        return []
    told = built_in(found.target) or "none that its config names"
    ways = "vllm: method mtp; sglang: EAGLE (alias NEXTN); llama.cpp: draft-mtp, as far as they know this model type"
    return [Fact("draft heads of the target", told, "", "config", note=ways if built_in(found.target) else "")]
