"""The members of a panel: models, kept profiles, folders of both, and the profiles of an atlas, each with its γ and its base."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ropescope.errors import FormatError, MeasurementError, SourceError
from ropescope.local_files import exists, expanded
from ropescope.theory.decay import gamma_pade

if TYPE_CHECKING:
    from ropescope.evidence.atlas.row import AtlasRow
    from ropescope.evidence.experiments.context import ExperimentContext
    from ropescope.evidence.experiments.experiment import Setting
    from ropescope.measure.estimates import Estimate
    from ropescope.measure.profile import DecayProfile
    from ropescope.models.model import Model

ATLAS = "atlas"
"""The source that stands for every profile of the user's atlas."""


@dataclass(frozen=True, slots=True)
class Member:
    """A measured model. theta: RoPE base of the layers that γ is fitted to. predicted: γ_Padé at `length` tokens."""

    name: str
    theta: float
    length: int
    corpus: str
    gamma: Estimate
    dtype: str | None = None

    @property
    def predicted(self) -> float:
        """γ_Padé at the measured length."""
        return gamma_pade(self.theta, float(self.length))


def expanded_sources(sources: tuple[str, ...], setting: Setting) -> tuple[str, ...]:
    """One source a member: a folder becomes what it holds, an atlas its profiles of the setting's length and corpus.

    A profile of an atlas is written STORE#HASH. Raises SourceError for a folder or an atlas that holds nothing fitting.
    """
    found: dict[str, None] = {}
    for source in sources:
        path = expanded(source)
        if source == ATLAS and not exists(path):
            from ropescope.evidence.atlas.store import default_store

            found |= dict.fromkeys(_of_atlas(default_store(), setting))
        elif path.is_dir() and not (path / "config.json").is_file() and not any(path.glob("*.gguf")):
            found |= dict.fromkeys(expanded_sources(_of_folder(path), setting))
        elif source.endswith(".parquet") and not path.is_file():
            raise SourceError(f"{source} is no file: give a profile kept by `measure` with `out`.")
        elif source.endswith(".parquet") and _is_atlas(path):
            found |= dict.fromkeys(_of_atlas(path, setting))
        else:
            found[source] = None
    return tuple(found)


def is_kept(source: str) -> bool:
    """Whether an expanded source is measured already."""
    return source.endswith(".parquet") or ".parquet#" in source


def require_one_base(model: Model, setting: Setting) -> None:
    """Raise MeasurementError where the layers that γ would be fitted to have several RoPE bases, or none: those that reach
    farthest at the setting's length. Seen from the files, before anything is measured."""
    from ropescope.measure.protocol import FixedLength

    farthest = FixedLength(setting.length, rows=min(64, setting.length // 4)).max_distance + 1
    seeing = [layer for layer in model.layers if layer.kind in ("full", "sliding", "chunked")]
    sees = [min(layer.window_tokens or farthest, farthest) for layer in seeing]
    fitted = [layer for layer, tokens in zip(seeing, sees, strict=True) if tokens == max(sees)]
    thetas = {layer.rope.theta if layer.rope else None for layer in fitted}
    if len(thetas) > 1:
        found = ", ".join(sorted("none" if theta is None else f"{theta:g}" for theta in thetas))
        raise MeasurementError(
            f"{model.name}: at {setting.length:,} tokens γ is fitted to {len(fitted)} layers, whose RoPE bases are {found}, and "
            "γ_Padé knows one. Use a `length` beyond its windows, or leave the model out."
        )


def member(context: ExperimentContext, source: str) -> Member:
    """A member: read from its profile or its row of an atlas, or measured now. Raises MeasurementError for one that γ_Padé
    says nothing of, or whose γ has no error."""
    if ".parquet#" in source:
        store, _, profile = source.rpartition("#")
        return _of_row(next(row for row in _rows(Path(store)) if row.profile_sha256 == profile), source)
    if source.endswith(".parquet"):
        from ropescope.measure.profile import DecayProfile

        return _of_profile(context, DecayProfile.load(expanded(source)), source)
    weights = context.load(source)
    corpus = context.corpus(weights=weights)
    return _of_profile(context, context.measure(weights.source.name, weights=weights, corpus=corpus), source)


def _of_folder(folder: Path) -> tuple[str, ...]:
    profiles = [path for path in sorted(folder.glob("*.parquet")) if not path.name.endswith(".control.parquet")]
    models = [path.parent for path in sorted(folder.glob("*/config.json"))]
    if not profiles and not models:
        raise SourceError(
            f"{folder} holds no profile (*.parquet, kept by `measure` with `out`) and no folder of a model: name another."
        )
    return tuple(str(path) for path in (*profiles, *models))


def _of_atlas(store: Path, setting: Setting) -> list[str]:
    rows = _rows(store)
    of_length = [row for row in rows if row.length == setting.length and row.rope_theta is not None]
    corpora = {row.corpus for row in of_length}
    corpus = next(iter(corpora)) if len(corpora) == 1 else setting.corpus  # one corpus leaves nothing to choose
    fitting = [row for row in of_length if row.corpus == corpus]
    if not fitting:
        kinds = sorted({f"{row.length:,} tokens of {row.corpus}" for row in rows})
        raise SourceError(
            f"The atlas {store} holds no profile of {setting.length:,} tokens of {setting.corpus} with one RoPE base"
            + (
                f": it has {', '.join(kinds)}; choose with `length` and `corpus`."
                if kinds
                else ": fill it with `atlas add`."
            )
        )
    return [f"{store}#{row.profile_sha256}" for row in fitting]


def _rows(store: Path) -> list[AtlasRow]:
    """The readings at fixed length that are whole."""
    from ropescope.evidence.atlas.store import read_atlas

    return [row for row in read_atlas(store) if row.protocol == "fixed" and not row.partial and row.gamma is not None]


def _is_atlas(path: Path) -> bool:
    from pyarrow import ArrowException, parquet

    from ropescope.evidence.atlas.store import SCHEMA

    try:
        return bool((parquet.read_schema(path).metadata or {}).get(b"ropescope") == SCHEMA.encode())
    except (OSError, ArrowException) as error:
        raise FormatError(f"{path} is no profile and no atlas ({str(error).splitlines()[0]}).") from error


def _of_row(row: AtlasRow, source: str) -> Member:
    from ropescope.measure.estimates import Estimate

    if row.gamma_low is None or row.gamma_high is None:
        raise MeasurementError(f"{source} ({row.model}) holds one prompt, so its γ has no error: measure it with more.")
    assert row.rope_theta is not None  # `_of_atlas` left out rows without
    gamma = Estimate(row.gamma, row.gamma_se, (row.gamma_low, row.gamma_high))
    return Member(row.model, row.rope_theta, row.length, row.corpus, gamma, row.dtype)


def _of_profile(context: ExperimentContext, profile: DecayProfile, source: str) -> Member:
    from ropescope.measure.curve import fitted_curve
    from ropescope.measure.intervals import normal_draws
    from ropescope.measure.results.result import fitted_theta

    if profile.provenance.get("random_init"):
        raise MeasurementError(f"{source} is a profile of random weights: leave it out of a panel of models.")
    if profile.n_prompts < 2:
        raise MeasurementError(f"{source} holds one prompt, so its γ has no error: measure it with more.")
    group = fitted_curve(profile, context.setting.d_min).group
    theta = fitted_theta(profile.provenance, [profile.layers[place].index for place in group])
    if theta is None:
        found = ", ".join(f"{theta:g}" for theta in profile.provenance.get("rope_thetas", [])) or "none"
        raise MeasurementError(
            f"{source} has the RoPE bases {found}, and γ_Padé knows one, that of the layers that reach farthest: leave it out, "
            "or measure it again if an earlier version of ropescope did, which did not keep the base of each layer."
        )
    return Member(
        name=str(profile.provenance["model"]),
        theta=float(theta),
        length=profile.protocol.length,
        corpus=str(profile.provenance["corpus"]),
        gamma=context.decay(profile).gamma(
            normal_draws(profile.n_prompts, context.setting.resamples, context.setting.seed)
        ),
        dtype=profile.provenance.get("dtype"),
    )
