"""The atlas of measured profiles, as questions: rank, add, show, remove, export, publish."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ropescope.errors import FormatError, InputError
from ropescope.questions.domains import Flag
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import File, FileOrText, ListOf, Output, Text
from ropescope.questions.question import Run
from ropescope.report.report import Report

if TYPE_CHECKING:
    from ropescope.evidence.atlas.row import AtlasRow


@dataclass(frozen=True, kw_only=True)
class AtlasInputs:
    """Which atlas."""

    store: Path | None = asked(File(), "The atlas; default: $ROPESCOPE_HOME or your data folder.", default=None)

    def rows(self) -> tuple[tuple[AtlasRow, ...], Path]:
        """The rows of the atlas, and where it lies. Raises FormatError for a file that is not there."""
        from ropescope.evidence.atlas.store import default_store, read_atlas

        if self.store is not None and not self.store.exists():
            raise FormatError(f"{self.store} does not exist: `atlas add` makes one.")
        path = self.store or default_store()
        return read_atlas(path), path


@dataclass(frozen=True, kw_only=True)
class AddInputs(AtlasInputs):
    """Profiles to add."""

    profiles: tuple[str, ...] = asked(
        ListOf(FileOrText(what="a kept profile, or a dataset on the Hub as ORG/NAME")),
        "Kept by a measurement; or a dataset that was published from an atlas, as ORG/NAME; or published measurements.",
        default=(),
        placed=True,
    )
    folder: Path | None = asked(
        File(metavar="FOLDER"), "Every profile in this folder, and in those below it.", default=None, also=("from",)
    )

    def __post_init__(self) -> None:
        """Raises InputError where neither profiles nor a folder are given."""
        if not self.profiles and self.folder is None:
            raise InputError("profiles", "Name profiles, or a folder that holds some.")


@dataclass(frozen=True, kw_only=True)
class ShowInputs(AtlasInputs):
    """A model of the atlas."""

    model: str = asked(Text(), "A model of the atlas, or the first characters of a profile's hash.", placed=True)


@dataclass(frozen=True, kw_only=True)
class RemoveInputs(AtlasInputs):
    """A profile to take out."""

    profile: str = asked(Text(), "The first characters (six at least) of a profile's hash.", placed=True)


@dataclass(frozen=True, kw_only=True)
class ExportInputs(AtlasInputs):
    """Where to, under which licence."""

    folder: Path = asked(Output(metavar="FOLDER"), "The folder to write: README.md and data/*.parquet.", placed=True)
    license: str | None = asked(Text(metavar="ID"), "As the Hub writes it: cc-by-4.0, apache-2.0, …", default=None)


@dataclass(frozen=True, kw_only=True)
class PublishInputs(AtlasInputs):
    """Which dataset, under which licence, and how."""

    repo: str = asked(Text(metavar="ORG/NAME"), "The dataset on the Hub; it is made if it is not there.", placed=True)
    license: str | None = asked(
        Text(metavar="ID"),
        "As the Hub writes it: cc-by-4.0, cc0-1.0, …; default: that of the dataset, if it is there.",
        default=None,
    )
    dry_run: bool = asked(Flag(), "Say what would change, and send nothing. It needs no token.", default=False)
    pull_request: bool = asked(Flag(), "Open a pull request, so that its owners decide.", default=False)
    private: bool = asked(Flag(), "Make a new dataset that only you and your organisation see.", default=False)
    message: str | None = asked(Text(), "The title of the commit.", default=None)
    local_names: bool = asked(
        Flag(), "Publish the names of local models and of your own text files, too.", default=False
    )
    replace: bool = asked(Flag(), "Let profiles go that the dataset holds and this atlas lacks.", default=False)


def rank(inputs: AtlasInputs, run: Run) -> Report:
    """The profiles, each group of the same protocol, length and corpus apart."""
    from ropescope.evidence.atlas.report import ranking_report

    return ranking_report(*inputs.rows())


def add(inputs: AddInputs, run: Run) -> Report:
    """Add profiles, with the controls that lie beside them; what is there already is not added twice."""
    from ropescope.evidence.atlas.adding import add_profiles
    from ropescope.evidence.atlas.store import default_store

    return add_profiles(inputs.profiles, inputs.store or default_store(), inputs.folder, run)


def show(inputs: ShowInputs, run: Run) -> Report:
    """One model: every reading, its layers, its curves."""
    from ropescope.evidence.atlas.show import model_report

    rows, path = inputs.rows()
    return model_report(rows, inputs.model, path)


def remove(inputs: RemoveInputs, run: Run) -> Report:
    """Take one profile out again."""
    from ropescope.evidence.atlas.adding import remove_profile

    rows, path = inputs.rows()
    return Report(title="Atlas", verdict=remove_profile(rows, inputs.profile, path))


def export(inputs: ExportInputs, run: Run) -> Report:
    """A folder that is ready to be a Hub dataset."""
    from ropescope.evidence.atlas.exporting import export_atlas

    rows, _ = inputs.rows()
    return export_atlas(rows, inputs.folder, licence=inputs.license)


def publish(inputs: PublishInputs, run: Run) -> Report:
    """The atlas as a dataset on the Hub, in one commit or one pull request."""
    from ropescope.evidence.atlas.publishing import Wishes, publish_atlas

    rows, _ = inputs.rows()
    wishes = Wishes(
        licence=inputs.license,
        message=inputs.message,
        pull_request=inputs.pull_request,
        private=inputs.private,
        dry_run=inputs.dry_run,
        local_names=inputs.local_names,
        replace=inputs.replace,
    )
    return publish_atlas(rows, inputs.repo, wishes, run)
