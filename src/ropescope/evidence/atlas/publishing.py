"""The atlas to a dataset on the Hub: what would change is found out first, and all of it goes there in one commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ropescope.errors import FormatError, InputError, ReportError, SourceError
from ropescope.evidence.atlas.dataset import (
    CARD,
    LICENCES,
    card_data,
    data_path,
    dataset_of,
    extent,
    is_ours,
    licence_id,
    local_names,
    others_in,
)
from ropescope.evidence.atlas.report import count
from ropescope.evidence.atlas.row import AtlasRow
from ropescope.evidence.tables import table
from ropescope.models.hub import fetch_file
from ropescope.models.hub_errors import HubUnreachable
from ropescope.models.hub_writing import (
    Committed,
    RemoteRepository,
    check_dataset_id,
    commit_files,
    create_dataset,
    has_token,
    remote_repository,
    require_writer,
)
from ropescope.questions.names import few
from ropescope.questions.question import Run
from ropescope.report.report import Report, Step


@dataclass(frozen=True, slots=True)
class Wishes:
    """How to publish. `local_names`: names of local models and text files may be published. `replace`: profiles that the
    dataset holds and the atlas lacks may go."""

    licence: str | None = None
    message: str | None = None
    pull_request: bool = False
    private: bool = False
    dry_run: bool = False
    local_names: bool = False
    replace: bool = False


@dataclass(frozen=True, slots=True)
class Changes:
    """What publishing changes: `sent` are the files that differ, `before` is what the dataset holds (None: it is to be made)."""

    sent: Mapping[str, bytes]
    before: RemoteRepository | None
    unknown: str = ""

    def of(self, name: str) -> str:
        """What becomes of a file, in a word or two."""
        if self.unknown:
            return "not compared"
        there = self.before is not None and name in self.before.files
        return "replaced" if there and name in self.sent else "unchanged" if there else "added"


def publish_atlas(rows: Sequence[AtlasRow], repo_id: str, wishes: Wishes, run: Run) -> Report:
    """Publish `rows` as the dataset `repo_id`, or say what that would change. Raises ReportError or SourceError, in each case
    before anything is sent; the dataset is never left half changed."""
    check_dataset_id(repo_id)
    names = local_names(rows)
    if names and not wishes.local_names and not wishes.dry_run:
        raise InputError("local_names", _names_refused(names))
    identifier = licence_id(wishes.licence)
    if not rows:
        raise ReportError("The atlas is empty, so there is nothing to publish: `atlas add` adds a profile.")
    with run.working():
        run.say(f"Reading {repo_id}")
        before, card, unknown = _before(repo_id, wishes)
        if before is not None:
            _require_ours(before, card, wishes)
        elif wishes.pull_request and not unknown:
            raise SourceError(
                f"The Hub shows no dataset {repo_id}, so no pull request can be made: leave out `pull_request`."
            )
        identifier = identifier or _stated(card)
        if identifier is None:
            raise InputError(
                "license", f"A dataset that others may use needs a `license`: {LICENCES}, as the Hub writes it."
            )
        made = dataset_of(rows, identifier, repo_id)
        sent = {name: data for name, data in made.files.items() if before is None or not _held(before, name, data)}
        changes = Changes(sent, before, unknown)
        lost = _lost(before, rows)
        if lost and not wishes.replace and not wishes.dry_run and sent:
            raise InputError("replace", _loss_refused(repo_id, lost))
        committed = None
        if sent and not wishes.dry_run:
            committed = _send(repo_id, changes, wishes, rows, run)
    return _report(rows, repo_id, wishes, made.files, made.n_rows, changes, committed, identifier, names, lost)


def _before(repo_id: str, wishes: Wishes) -> tuple[RemoteRepository | None, str, str]:
    """(what the dataset holds, its card, why the Hub could not be asked). Only a dry run goes on without the Hub."""
    try:
        if not wishes.dry_run:
            require_writer(repo_id, anywhere=wishes.pull_request)
        before = remote_repository(repo_id)
        if before is None or CARD not in before.files:
            return before, "", ""
        return before, fetch_file(repo_id, before.commit, CARD, repo_type="dataset").read_text(encoding="utf-8"), ""
    except HubUnreachable as error:
        if not wishes.dry_run:
            raise
        return None, "", str(error)


def _require_ours(before: RemoteRepository, card: str, wishes: Wishes) -> None:
    """Raise for a dataset of another origin, and for one that others see where that is not wanted."""
    bare = card.lstrip().startswith("---") and not card.split("---", 2)[-1].strip()  # a licence chosen on the website
    fresh = before.empty or (bare and not any(name.startswith("data/") for name in before.files))
    if not fresh and not is_ours(card_data(card)):
        raise SourceError(
            f"{before.repo_id} is a dataset of another kind, which publishing would overwrite: name a new one, or one that was "
            "published from an atlas."
        )
    if wishes.private and not before.private:
        raise SourceError(
            f"{before.repo_id} is there and public: make it private on its page first, or leave out `private`."
        )


def _stated(card: str) -> str | None:
    """The licence of the card that is there: whoever published it chose it."""
    found = card_data(card).get("license") if card else None
    try:
        return licence_id(found) if isinstance(found, str) else None
    except ReportError:
        return None


def _held(before: RemoteRepository, name: str, data: bytes) -> bool:
    return name in before.files and before.files[name].holds(data)


def _lost(before: RemoteRepository | None, rows: Sequence[AtlasRow]) -> tuple[str, ...]:
    """The models of profiles that the dataset holds and `rows` lack."""
    name = data_path("measurements")
    if before is None or name not in before.files:
        return ()
    from ropescope.evidence.atlas.table import pyarrow

    path = fetch_file(before.repo_id, before.commit, name, repo_type="dataset")
    arrow = pyarrow()
    from pyarrow import parquet

    try:
        found = parquet.read_table(path, columns=["profile_sha256", "model"], partitioning=None).to_pylist()
    except (OSError, arrow.ArrowException, KeyError) as error:
        raise FormatError(
            f"{name} of {before.repo_id} cannot be read, so what publishing would remove is not known: restore it on the Hub."
        ) from error
    ours = {row.profile_sha256 for row in rows}
    return tuple(sorted({str(one["model"]) for one in found if one["profile_sha256"] not in ours}))


def _send(repo_id: str, changes: Changes, wishes: Wishes, rows: Sequence[AtlasRow], run: Run) -> Committed:
    before = changes.before
    if before is None:
        run.say(f"Creating {repo_id}")
        create_dataset(repo_id, private=wishes.private)
        before = remote_repository(repo_id)
        if before is None:
            raise SourceError(f"{repo_id} was made and the Hub does not show it yet: ask again in a minute.")
    run.say(f"Sending {count(len(changes.sent), 'file')} to {repo_id}")
    message = wishes.message or f"{extent(rows)}, by ropescope"
    return commit_files(repo_id, changes.sent, parent=before.commit, message=message, pull_request=wishes.pull_request)


def _report(
    rows: Sequence[AtlasRow],
    repo_id: str,
    wishes: Wishes,
    files: Mapping[str, bytes],
    n_rows: Mapping[str, int],
    changes: Changes,
    committed: Committed | None,
    licence: str,
    names: Sequence[str],
    lost: Sequence[str],
) -> Report:
    held = {} if changes.before is None else {name: file.size for name, file in changes.before.files.items()}
    caveats = []
    if changes.unknown:
        caveats.append(f"What the dataset holds now is not known: {changes.unknown}")
    elif changes.before is None and wishes.dry_run and not has_token():
        caveats.append("The Hub was asked without a token: a private dataset of this name would not show.")
    if names and committed is None:
        caveats.append(f"To publish: {_names_refused(names)}" if not wishes.local_names else _names_told(names))
    elif names:
        caveats.append(_names_told(names))
    if lost:
        caveats.append(
            f"{count(len(lost), 'model')} of the dataset {'was' if committed else 'would be'} removed: {few(lost, 5)}."
            if wishes.replace
            else f"To publish: {_loss_refused(repo_id, lost)}"
        )
    if told := others_in([row for row in rows if not (row.origin or "").startswith(f"hf://datasets/{repo_id}@")]):
        caveats.append(told)
    models = sorted({(row.model, row.repo_id or "local", row.basis) for row in rows})
    return Report(
        title=f"{repo_id} on the Hub",
        verdict=_verdict(rows, repo_id, wishes, changes, committed),
        tables=(
            table(
                "Files",
                "file | change | bytes :,d | bytes before :,d",
                [(name, changes.of(name), len(data), held.get(name)) for name, data in files.items()],
            ),
            table("Models that it names", "model | Hub id | basis", models, limit=20),
        ),
        caveats=tuple(caveats),
        next_steps=(
            f'Load it: load_dataset("{repo_id}", "measurements", split="train")',
            Step("atlas add", {"profiles": [repo_id]}, "Add its rows to another atlas"),
        )
        if not wishes.dry_run
        else (),
        data=_data(repo_id, wishes, changes, committed, licence, files, n_rows, names, lost),
    )


def _data(
    repo_id: str,
    wishes: Wishes,
    changes: Changes,
    committed: Committed | None,
    licence: str,
    files: Mapping[str, bytes],
    n_rows: Mapping[str, int],
    names: Sequence[str],
    lost: Sequence[str],
) -> dict[str, Any]:
    return {
        "repo_id": repo_id,
        "dry_run": wishes.dry_run,
        "created": changes.before is None and not changes.unknown,
        "licence": licence,
        "files": {name: {"change": changes.of(name), "bytes": len(data)} for name, data in files.items()},
        "rows": dict(n_rows),
        "local_names": list(names),
        "removed": list(lost),
        "commit": None if committed is None else committed.commit,
        "url": None if committed is None else committed.url,
        "pull_request": None if committed is None else committed.pull_request,
    }


def _verdict(
    rows: Sequence[AtlasRow], repo_id: str, wishes: Wishes, changes: Changes, committed: Committed | None
) -> str:
    size = f"{count(len(changes.sent), 'file')}, {sum(map(len, changes.sent.values())):,} bytes"
    if not changes.sent:
        return f"{repo_id} holds exactly this already: nothing to publish."
    if committed is None:
        if changes.unknown:
            return f"Would publish {extent(rows)} to {repo_id} ({size} at most). Nothing was sent."
        what = f"{extent(rows)} ({size}). Nothing was sent."
        if changes.before is None:
            return f"Would create {repo_id} with {what}"
        if wishes.pull_request:
            return f"Would open a pull request to {repo_id} with {what}"
        return f"Would update {repo_id}, in one commit, with {what}"
    if committed.pull_request is not None:
        return f"Opened a pull request to {repo_id} with {extent(rows)} ({size}): {committed.pull_request}"
    made = "Created" if changes.before is None else "Updated"
    return f"{made} {repo_id} with {extent(rows)} in one commit ({size}): {committed.url}"


def _names_refused(names: Sequence[str]) -> str:
    return (
        f"{few(names, 5)}: names of local models or of your own text files, which others would read. Set `local_names` to "
        "publish them, or take their profiles out of the atlas."
    )


def _names_told(names: Sequence[str]) -> str:
    return f"Names of local models or of your own text files are in it: {few(names, 5)}."


def _loss_refused(repo_id: str, lost: Sequence[str]) -> str:
    return (
        f"{repo_id} holds profiles that this atlas lacks ({few(lost, 5)}), and publishing would remove them: add {repo_id} to "
        "the atlas first, or set `replace`."
    )
