"""Arena: whether models are really different, from votes between two of them at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp, log
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ropescope.checks.judging.arena.agreement import Agreement, agreement
from ropescope.checks.judging.arena.ballots import (
    Ballots,
    Measured,
    columns_of,
    declared_labels,
    log_ratio,
    read_ballots,
    relative,
)
from ropescope.checks.judging.arena.figure import rank_figure
from ropescope.checks.judging.arena.standing import Standing, elo, rating_table, some
from ropescope.errors import InputError
from ropescope.questions.domains import Flag
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import File, ListOf, Text
from ropescope.questions.question import Run
from ropescope.report.report import Fact, Report

if TYPE_CHECKING:
    from ropescope.quality.ratings.ranks import Ratings

MOST_STYLES = 10
MODEL = "Bradley–Terry with Davidson's ties, maximum likelihood"


@dataclass(frozen=True, kw_only=True)
class ArenaInputs:
    """A file of votes, and what else may explain them."""

    votes: Path = asked(
        File(),
        "Votes as CSV, JSON lines or a JSON list, with the columns model_a, model_b and winner.",
        placed=True,
    )
    labels: tuple[str, ...] = asked(
        ListOf(Text()), "What your labels mean, if they are others: a=LABEL, b=LABEL, tie=LABEL.", default=()
    )
    voter: str | None = asked(
        Text(), "Column of who voted; default: voter, judge, user, annotator or rater, if there.", default=None
    )
    item: str | None = asked(
        Text(), "Column of what was compared, for agreement; default: question_id, prompt_id or item.", default=None
    )
    length: str | None = asked(
        Text(), "Compare at equal length: NAME stands for NAME_a and NAME_b, or write {} for a and b.", default=None
    )
    style: tuple[str, ...] = asked(
        ListOf(Text()), "Compare at equal counts of headings, lists, …: names as for `length`.", default=()
    )
    position: bool = asked(Flag(), "Take into account that the answer shown first may be preferred.", default=False)


def answer(inputs: ArenaInputs, run: Run) -> Report:
    """Which models are surely ahead of which."""
    measured: list[Measured] = []
    if inputs.length is not None:
        measured.append((*columns_of(inputs.length), log_ratio))
    measured += [(*columns_of(name), relative) for name in inputs.style]
    if len(inputs.style) > MOST_STYLES:
        raise InputError("style", f"`style` names {len(inputs.style)} columns: name {MOST_STYLES} at most.")
    labels = declared_labels(inputs.labels)
    run.say(f"Reading the votes of {inputs.votes}")
    ballots = read_ballots(inputs.votes, measured, labels, inputs.voter, inputs.item)
    names = [*(["length"] if inputs.length else []), *inputs.style]
    fields = [*(["length"] if inputs.length else []), *("style" for _ in inputs.style)]
    if inputs.position:
        names, fields = [*names, "position"], [*fields, "position"]
        ballots.covariates = [(*row, 1.0) for row in ballots.covariates or [()] * len(ballots.first)]
    if not any(ballots.outcome):
        return _all_ties(ballots)
    return _report(ballots, names, fields, log_lengths=inputs.length is not None)


def _ratings(ballots: Ballots, *, covariates: bool) -> Ratings:
    import numpy as np

    from ropescope.quality.ratings.davidson import Votes
    from ropescope.quality.ratings.ranks import Ratings, groups

    voters = None
    if len(set(ballots.voters) - {""}) > 1:
        ids: dict[str, int] = {}
        alone = len(ballots.voters)  # a vote without a voter is of a voter of its own
        voters = np.array(
            [ids.setdefault(voter, len(ids)) if voter else alone + n for n, voter in enumerate(ballots.voters)]
        )
    n = len(ballots.first)
    votes = Votes(
        len(ballots.names),
        np.array(ballots.first),
        np.array(ballots.second),
        np.array(ballots.outcome),
        np.array(ballots.covariates, dtype=float).reshape(n, -1) if covariates else np.zeros((n, 0)),
        voters,
    )
    apart = groups(votes)
    if len(apart) > 1:
        told = " | ".join(some([ballots.names[at] for at in models]) for models in apart[:4])
        raise InputError(
            "votes",
            f"No vote compares these groups, so their ratings share no scale: {told}"
            f"{' | …' if len(apart) > 4 else ''}. Add votes between them, or ask of each alone.",
        )
    found = Ratings(votes)
    return found if found.clusters_tell else Ratings(replace(votes, voter=None))


def _report(ballots: Ballots, covariates: list[str], fields: list[str], *, log_lengths: bool) -> Report:
    plain = _ratings(ballots, covariates=False)
    ratings = _ratings(ballots, covariates=True) if covariates else plain
    _refuse_unidentified(ratings, covariates, fields)
    # A model that never lost or never won has no likeliest rating: it stands in the middle of its ranks.
    order = sorted(range(len(ballots.names)), key=lambda at: (sum(ratings.ranks[at]), -ratings.fit.beta[at]))
    shown = Standing(ballots, ratings, order)
    common = agreement(_cast(ballots)) if ballots.items and ballots.voters else None
    effects = _effects(ratings, covariates, log_lengths)
    ranks = [ratings.ranks[at] for at in order]
    caption = "Bars: ranks that hold together in 95 % of samples. Points: the order in the table."
    return Report(
        title=_title(ballots),
        verdict=shown.verdict() + (f" At equal {' and '.join(covariates)}." if covariates else ""),
        facts=(*_facts(ballots, ratings), *effects, *_agreement_facts(ballots, common)),
        tables=(rating_table(shown, plain, covariates), shown.pairs()),
        figures=(rank_figure([ballots.names[at] for at in order], ranks, caption),),
        caveats=tuple(_caveats(ballots, ratings, plain, covariates)),
        data=_data(shown, effects, common),
        holds=shown.first_alone() or None,
    )


def _refuse_unidentified(ratings: Ratings, covariates: list[str], fields: list[str]) -> None:
    """Raise InputError for a covariate that tells nothing that the models do not, or that tells every vote."""
    if not covariates:
        return
    from ropescope.quality.ratings.davidson import inflation

    for name, field, factor in zip(covariates, fields, inflation(ratings.votes, ratings.fit), strict=True):
        if factor is None:
            raise InputError(field, f"`{field}`: {name} is the same for both answers in every vote: leave it out.")
        if factor > 1e4:
            raise InputError(
                field, f"`{field}`: {name} cannot be told apart from the models or another column: leave it out."
            )
    if len(ratings.groups) == 1 and ratings.fit.log_likelihood > -1e-3 * ratings.votes.n:
        raise InputError(fields[0], f"`{fields[0]}`: {' and '.join(covariates)} predict every vote: leave them out.")


def _title(ballots: Ballots) -> str:
    n = len(ballots.first)
    return f"Arena: {len(ballots.names)} models, {n:,} {'vote' if n == 1 else 'votes'}"


def _all_ties(ballots: Ballots) -> Report:
    n = len(ballots.first)
    return Report(
        title=_title(ballots),
        verdict=f"Undecided: all {n:,} votes are ties, so no model is ahead of another.",
        facts=(Fact("ties", n, "votes", "measured"),),
        data={"votes": n, "ties": n, "models": ballots.names},
    )


def _facts(ballots: Ballots, ratings: Ratings) -> list[Fact]:
    n, ties = len(ballots.first), ballots.outcome.count(0)
    bad = f"of them {ballots.both_bad:,} call both bad" if ballots.both_bad else ""
    facts = [
        Fact("votes", n, "", "measured", MODEL),
        Fact("ties", round(100 * ties / n, 2), "%", "measured", note=bad),
    ]
    if ties:
        nu = exp(float(ratings.fit.parameters[len(ballots.names)]))
        facts.append(
            Fact("ties of equal models", round(100 * nu / (2 + nu), 2), "%", "measured", f"Davidson's ν = {nu:.3f}")
        )
    if ratings.votes.voter is not None:
        freedom = ratings.freedom
        assert freedom is not None
        facts.append(
            Fact("voters", freedom + 1, "", "measured", f"column {ballots.voter_column}; errors are clustered by it")
        )
    facts.append(
        Fact(
            "critical value", round(ratings.critical, 3), "errors", "measured", "max-t: all pairs hold together in 95 %"
        )
    )
    return facts


def _effects(ratings: Ratings, covariates: list[str], log_lengths: bool) -> list[Fact]:
    """What each covariate is worth in Elo, with its own 95 % interval."""
    from statistics import NormalDist

    from ropescope.quality.intervals import t_95

    half = NormalDist().inv_cdf(0.975) if ratings.freedom is None else t_95(ratings.freedom)
    facts = []
    for k, name in enumerate(covariates):
        at = len(ratings.fit.parameters) - len(covariates) + k
        doubled = log_lengths and k == 0
        scale = elo(log(2) if doubled else 1)
        value, error = float(ratings.fit.parameters[at]), float(ratings.covariance[at, at]) ** 0.5
        one = f"{name}, in one answer only"
        what = "an answer twice as long" if doubled else "being shown first" if name == "position" else one
        ends = (scale * (value - half * error), scale * (value + half * error))
        facts.append(Fact(what, round(scale * value, 2), "Elo", "measured", "estimated with the ratings", ends))
    return facts


def _agreement_facts(ballots: Ballots, found: Agreement | None) -> list[Fact]:
    if found is None:
        return []
    source = f"{found.units:,} comparisons by two voters or more ({ballots.item_column}, {ballots.voter_column})"
    facts = [Fact("voters agree", round(100 * found.share, 1), "% of pairs", "measured", source)]
    if found.alpha is not None:
        note = "0: no more than by chance; 1: always"
        facts.append(Fact("Krippendorff's α", round(found.alpha, 3), "", "measured", source, note=note))
    return facts


def _cast(ballots: Ballots) -> Any:
    for a, b, outcome, voter, item in zip(
        ballots.first, ballots.second, ballots.outcome, ballots.voters, ballots.items, strict=True
    ):
        if voter and item:
            yield ((item, min(a, b), max(a, b)), voter, outcome if a < b else -outcome)


def _caveats(ballots: Ballots, ratings: Ratings, plain: Ratings, covariates: list[str]) -> list[str]:
    caveats = []
    if covariates:
        both = ratings.ahead & plain.ahead
        lost, gained = int((plain.ahead & ~both).sum()), int((ratings.ahead & ~both).sum())
        turned = int((ratings.ahead & plain.ahead.T).sum())
        caveats.append(
            f"Taking {' and '.join(covariates)} into account, {gained} pairs become sure and {lost} no longer are"
            f"{f'; {turned} turn round' if turned else ''}. This is an association: it does not say why answers are long."
        )
    if ballots.voters and ratings.votes.voter is None:
        caveats.append(
            f"Column {ballots.voter_column} names too few voters for so many models, or voters too alike, to tell how voters "
            "differ. So votes count as independent: intervals say what more votes of these voters would give, not what "
            "others would say."
        )
    elif not ballots.voters:
        caveats.append(
            "No column says who voted, so votes count as independent: intervals are too narrow if few vote often."
        )
    if len(ratings.groups) > 1:
        caveats.append(
            "Some models never lost, or never won, against the rest: votes bound their differences on one side only."
        )
    if ratings.fits_left <= 0:
        caveats.append("Too many such pairs to compare each: those that were left count as not sure.")
    if ballots.with_itself:
        caveats.append(f"{ballots.with_itself:,} votes compare a model with itself and are left out.")
    caveats.append(
        "Ratings are of these voters and prompts. One number per model assumes that preferences are transitive."
    )
    return caveats


def _data(shown: Standing, effects: list[Fact], common: Agreement | None) -> dict[str, Any]:
    ratings, names = shown.ratings, shown.names
    pairs = shown.pairs()
    keys = ("model", "over", "elo", "low", "high", "sure", "more_votes")
    return {
        "votes": ratings.votes.n,
        "voters": None if ratings.freedom is None else ratings.freedom + 1,
        "critical": ratings.critical,
        "models": [
            {
                "model": names[at],
                "elo": rating,
                "best_rank": ratings.ranks[at][0],
                "worst_rank": ratings.ranks[at][1],
            }
            for at, rating in zip(shown.order, shown.ratings_inelo(), strict=True)
        ],
        "differences": [dict(zip(keys, row, strict=True)) for row in pairs.rows],
        "effects": {fact.name: {"elo": fact.value, "interval": list(fact.interval or ())} for fact in effects},
        "agreement": None if common is None else {"units": common.units, "share": common.share, "alpha": common.alpha},
    }
