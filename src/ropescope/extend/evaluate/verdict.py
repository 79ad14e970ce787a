"""An evaluation in one or two sentences: which method has the least loss at the target, or finds most."""

from __future__ import annotations

from ropescope.extend.evaluate import summary
from ropescope.extend.evaluate.result import ExtensionResult
from ropescope.quality.intervals import Interval
from ropescope.questions.names import listed


def verdict_of(result: ExtensionResult) -> str:
    """Which method has the lowest loss in the last band, against the unscaled model; without texts, which one finds most."""
    best, plain = summary.best(result), summary.unscaled(result)
    if best is None:
        return _found_best(result)
    start, end = result.bands[-1]
    at = f"{summary.loss(result, best, 'target'):.3f} nats per token at {start:,} – {end:,}"
    said = [f"{best} has the lowest loss at {result.target_length:,} tokens: {at}."]
    if best in result.shown:
        tokens = result.shown[best]
        said = [
            f"No method beats the unscaled model on only the last {tokens:,} of {result.target_length:,} tokens: {at}."
        ]
    elif plain is not None and plain != best:
        said.append(_unscaled(result, best, plain))
        inside = summary.against(result, best, plain, "inside")
        if inside is not None:
            change = percent_difference(inside, summary.loss(result, plain, "inside") or 1.0)
            said.append(f"Inside the trained {result.trained_length:,}, {best} changes the loss by {change}.")
    return " ".join(filter(None, (*said, _nearest(result, best))))


def _unscaled(result: ExtensionResult, best: str, plain: str) -> str:
    """The loss of the unscaled model in the last band: with the whole text, with only its last tokens, or with both."""
    truncated = summary.truncated(result)
    whole = "" if plain in result.shown else f"{summary.loss(result, plain, 'target'):.3f}"
    if truncated is None:
        return f"The unscaled model has {whole}."
    tokens, gap = result.shown[truncated], summary.against(result, truncated, best, "target")
    last = f"{summary.loss(result, truncated, 'target'):.3f} with only the last {tokens:,} tokens"
    if gap is not None and gap.low is not None:
        last += f" ({difference(gap)}{'' if gap.low > 0 else ', not significantly worse'})"
    return f"The unscaled model has {whole}, and {last}." if whole else f"The unscaled model has {last}."


def _nearest(result: ExtensionResult, best: str) -> str:
    others = [method for method in result.methods if method != best and method not in result.shown]
    if not others or len(result.texts) < 2:
        return "One text gives no interval." if len(result.texts) < 2 else ""
    second = min(others, key=lambda method: summary.loss(result, method, "target") or 0.0)
    gap = summary.against(result, second, best, "target")
    if gap is None or gap.low is None:
        return ""
    if gap.low > 0:
        return f"The next best, {second}, has a loss higher by {difference(gap)}."
    return f"{second} is not significantly worse ({difference(gap)})."


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
        names, at = listed(tied), f"at {_longest(result):,} tokens"
        told = f"{share_of(share)} of {share.n} facts"
        if share.low is not None and share.low <= _GUESSING:
            return f"No method finds significantly more than guessing (10 %) {at}: {names} {told}."
        rest = {m: other for m in result.methods if (other := shares[m]) and m not in tied}
        second = max(rest, key=lambda m: rest[m].value, default=None)
        close = second is not None and (rest[second].high or 0.0) >= (share.low or 0.0)
        behind = (
            f" {second} is not significantly behind ({share_of(rest[second])})." if second is not None and close else ""
        )
        return f"{names} {'finds' if len(tied) == 1 else 'find'} most {at}: {told} (guessing finds 10 %).{behind}"
    cells = [cell for cell in result.recalls if cell.length == max(cell.length for cell in result.recalls)]
    means = {m: [value for cell in cells if cell.method == m for value in cell.samples] for m in result.methods}
    best = max(means, key=lambda m: sum(means[m]) / len(means[m]))
    return (
        f"{best} answers most of the generated tasks at {cells[0].length:,} tokens: "
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
