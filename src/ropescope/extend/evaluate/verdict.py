"""An evaluation in one or two sentences: which method has the least loss at the target, or finds most."""

from __future__ import annotations

from ropescope.extend.evaluate import summary
from ropescope.extend.evaluate.result import ExtensionResult
from ropescope.quality.intervals import Interval


def verdict_of(result: ExtensionResult) -> str:
    best, plain = summary.best(result), summary.unscaled(result)
    if best is None:
        return _found_best(result)
    start, end = result.bands[-1]
    at = f"{summary.loss(result, best, 'target'):.3f} nats a token at {start:,} – {end:,}"
    nearest = _nearest(result, best)
    if best in result.shown:
        return (
            f"Nothing tried reads {result.target_length:,} tokens better than the unscaled model reads the last "
            f"{result.shown[best]:,} of them alone: {at}. {nearest}".rstrip()
        )
    words = f"{best} reads {result.target_length:,} tokens best: {at}"
    if plain is not None and plain != best:
        words += f", where the unscaled model has {_unscaled(result, best, plain)}"
        inside = summary.against(result, best, plain, "inside")
        if inside is not None:
            base = summary.loss(result, plain, "inside") or 1.0
            words += f"; inside the trained {result.trained_length:,} it changes the loss by {percent_difference(inside, base)}"
    return f"{words}. {nearest}".rstrip()


def _unscaled(result: ExtensionResult, best: str, plain: str) -> str:
    """What the unscaled model has in the last band: shown the whole text, its last tokens alone, or both."""
    truncated = summary.truncated(result)
    whole = "" if plain in result.shown else f"{summary.loss(result, plain, 'target'):.3f}"
    if truncated is None:
        return whole
    gap = summary.against(result, truncated, best, "target")
    alone = f"{summary.loss(result, truncated, 'target'):.3f} if it is shown the last {result.shown[truncated]:,} alone"
    if gap is not None and gap.low is not None:
        alone += f" ({difference(gap)}{'' if gap.low > 0 else ': not surely worse'})"
    return f"{whole}, and {alone}" if whole else alone


def _nearest(result: ExtensionResult, best: str) -> str:
    others = [method for method in result.methods if method != best and method not in result.shown]
    if not others or len(result.texts) < 2:
        return "One text has no interval." if len(result.texts) < 2 else ""
    second = min(others, key=lambda method: summary.loss(result, method, "target") or 0.0)
    gap = summary.against(result, second, best, "target")
    if gap is None or gap.low is None:
        return ""
    if gap.low > 0:
        return f"The next, {second}, loses {difference(gap)} more."
    return f"{second} is not surely worse ({difference(gap)})."


_GUESSING = 0.1
"""The answer and nine decoys."""


def _found_best(result: ExtensionResult) -> str:
    if result.found:
        shares = {
            m: summary.right([cell for cell in result.found if cell.method == m and cell.length == _longest(result)])
            for m in result.methods
        }
        share = max((share for share in shares.values() if share), key=lambda share: share.value)
        tied = [m for m in result.methods if (other := shares[m]) and other.value == share.value]
        names, at = ", ".join(tied[:-1]) + (" and " if tied[1:] else "") + tied[-1], f"at {_longest(result):,} tokens"
        told = f"{share_of(share)} of {share.n} facts"
        if share.low is not None and share.low <= _GUESSING:
            return f"Nothing surely finds more than guessing (10 %) {at}: {names} {told}."
        rest = {m: other for m in result.methods if (other := shares[m]) and m not in tied}
        second = max(rest, key=lambda m: rest[m].value, default=None)
        close = second is not None and (rest[second].high or 0.0) >= (share.low or 0.0)
        behind = f" {second} is not surely behind ({share_of(rest[second])})." if second is not None and close else ""
        return f"{names} {'finds' if len(tied) == 1 else 'find'} most {at}: {told} (guessing finds 10 %).{behind}"
    cells = [cell for cell in result.recalls if cell.length == max(cell.length for cell in result.recalls)]
    means = {m: [value for cell in cells if cell.method == m for value in cell.samples] for m in result.methods}
    best = max(means, key=lambda m: sum(means[m]) / len(means[m]))
    return (
        f"{best} says most of what the generated tasks ask for at {cells[0].length:,} tokens: "
        f"{100 * sum(means[best]) / len(means[best]):.0f} %."
    )


def _longest(result: ExtensionResult) -> int:
    return max(cell.length for cell in result.found)


def difference(interval: Interval) -> str:
    """A difference with half of its 95 % interval."""
    if interval.low is None or interval.high is None:
        return f"{interval.value:+.4f}"
    return f"{interval.value:+.4f} ± {(interval.high - interval.low) / 2:.4f}"


def percent_difference(interval: Interval, base: float) -> str:
    """A difference in percent of `base`, with half of its 95 % interval."""
    if interval.low is None or interval.high is None:
        return f"{100 * interval.value / base:+.2f} %"
    return f"{100 * interval.value / base:+.2f} % ± {50 * (interval.high - interval.low) / base:.2f}"


def share_of(share: Interval) -> str:
    """A share in percent, with its 95 % interval."""
    assert share.low is not None and share.high is not None
    return f"{100 * share.value:.0f} % ({100 * share.low:.0f}–{100 * share.high:.0f})"
