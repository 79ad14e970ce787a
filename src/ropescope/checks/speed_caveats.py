"""What a reader must know of the figures of speed."""

from __future__ import annotations

from ropescope.checks.serving.fitting.on_devices import dealt_remarks
from ropescope.checks.serving.serving import Serving

CEILING = (
    "A ceiling, not a forecast: it counts reading and multiplying at the vendor's peak, and nothing else. Engines reach "
    "a part of it, which only a benchmark on the machine tells. Speculative decoding and prefixes that sequences share can "
    "pass it."
)


def speed_caveats(serving: Serving, fits: bool | None) -> tuple[str, ...]:
    """What a reader must know of the numbers; `fits` is None where that is open."""
    said = [*(note[0].upper() + note[1:] for note in serving.model.notes if note), CEILING]
    if serving.device.detected:
        said.append(serving.device.detected)
    if serving.device.bandwidth_basis == "measured":
        said.append(
            f"The bandwidth is measured: {serving.device.bandwidth_source}. A copy also reads what it overwrites, so decoding, "
            "which mostly reads, can pass the ceiling."
        )
    if serving.count > 1:
        said.append(
            "Exchange between devices takes time that is not counted."
            if serving.engine.split == "tensor"
            else f"{serving.engine.name} deals whole layers out: the devices work in turn, and one sequence gains no speed."
        )
    said.extend(dealt_remarks(serving))
    if any(layer.experts is not None for layer in serving.model.layers):
        said.append(
            "Experts are taken as chosen uniformly: sequences that choose alike, as copies of one prompt do, read fewer "
            "and can pass the ceiling."
        )
    if (top := _most_picked(serving)) is not None:
        said.append(f"Attention is sparse: a layer reads what its indexer scores, and of the rest {top} that it picks.")
    if fits is None:
        said.append("Whether it fits is open: the weights are a lower bound (`fit` says why).")
    elif not fits:
        said.append("It does not fit the device as asked; the figures hold only if it did.")
    return tuple(said)


def _most_picked(serving: Serving) -> str | None:
    """The most that a query reads of what its indexer scores, in words; None where attention is not sparse."""
    sparse = {(layer.sparse.top, layer.tokens_per_entry) for layer in serving.model.layers if layer.sparse is not None}
    words = (f"{top:,} {'tokens' if rate is None else 'entries'}" for top, rate in sorted(sparse, key=str))
    return f"at most {' or '.join(words)}" if sparse else None
