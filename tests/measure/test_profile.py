"""A profile loads back equal, opens elsewhere as a long table, and refuses what is no profile."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lazily import lazily
from made_profiles import made_profile

from ropescope.errors import FormatError, MeasurementError
from ropescope.measure.profile import DecayProfile

duckdb = lazily("duckdb")
pandas = lazily("pandas")
polars = lazily("polars")

PROFILE = made_profile(n_prompts=3, heads=(4, 3, 1), windows=(None, 128, None))


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    PROFILE.save(path)
    again = DecayProfile.load(path)
    assert again == PROFILE
    assert again.provenance == PROFILE.provenance and again.layers[1].window_tokens == 128
    again.save(path)
    assert DecayProfile.load(path) == PROFILE
    assert [item.name for item in tmp_path.iterdir()] == ["p.parquet"]


def test_a_file_that_was_cut_into_pieces_or_put_in_another_order_loads_equal(tmp_path: Path) -> None:
    import pyarrow.parquet

    path = tmp_path / "p.parquet"
    PROFILE.save(path)
    table = pyarrow.parquet.read_table(path)
    backwards = table.take(list(range(table.num_rows - 1, -1, -1)))
    pyarrow.parquet.write_table(backwards.replace_schema_metadata(table.schema.metadata), path, row_group_size=100)
    assert pyarrow.parquet.ParquetFile(path).num_row_groups > 5
    assert DecayProfile.load(path) == PROFILE


def test_a_file_with_a_column_or_a_number_missing_is_refused(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    path = tmp_path / "p.parquet"
    PROFILE.save(path)
    table = pyarrow.parquet.read_table(path)
    pyarrow.parquet.write_table(table.drop_columns(["mass"]), path)
    with pytest.raises(FormatError, match=r"damaged.*mass"):
        DecayProfile.load(path)
    holed = pyarrow.array([None, *table["mass"].to_pylist()[1:]], pyarrow.float32())
    place = table.column_names.index("mass")
    pyarrow.parquet.write_table(table.set_column(place, table.schema.field("mass"), holed), path)
    with pytest.raises(FormatError, match="numbers are missing"):
        DecayProfile.load(path)


def test_a_file_that_lacks_rows_or_what_it_was_measured_with_is_refused(tmp_path: Path) -> None:
    """Half of a file was read as prompts without numbers, and told so at the end of a report or an atlas."""
    import pyarrow.parquet

    path = tmp_path / "p.parquet"
    PROFILE.save(path)
    table = pyarrow.parquet.read_table(path)

    def refused(table: Any, header: dict[str, Any], why: str) -> None:
        pyarrow.parquet.write_table(table.replace_schema_metadata({b"ropescope": json.dumps(header)}), path)
        with pytest.raises(FormatError, match=f"damaged.*{why}"):
            DecayProfile.load(path)

    header = json.loads(table.schema.metadata[b"ropescope"])
    refused(table.slice(0, table.num_rows - 1), header, "one row for each head")
    refused(table, header | {"n_prompts": 10**9}, "one row for each head")
    refused(table, header | {"provenance": None}, "measured with is incomplete")
    refused(table, header | {"provenance": {"identity": ["dtype"]}}, "measured with is incomplete")


def test_equality_sees_every_number() -> None:
    other = made_profile(n_prompts=3, heads=(4, 3, 1), windows=(None, 128, None))
    assert other == PROFILE
    other.entropy_nats[2, 0, 3] += np.float32(1e-6)
    assert other != PROFILE


def test_opens_as_a_long_table_everywhere(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    PROFILE.save(path)
    n_bins, n_heads, n_distances = len(PROFILE.protocol.edges) - 1, 4 + 3 + 1, len(PROFILE.legacy_distances)
    table = pandas.read_parquet(path)
    assert len(table) == 3 * n_heads * (n_bins + n_distances)
    one = table.query("protocol == 'fixed' and prompt == 2 and layer == 1 and head == 2").sort_values("distance_from")
    np.testing.assert_array_equal(one["mass"], PROFILE.mass[2, 1, 2])
    np.testing.assert_array_equal(one["distance_from"], PROFILE.protocol.edges[:-1])
    reached = one["cells"] > 0
    np.testing.assert_allclose(
        one["weight"][reached], (one["mass"] * PROFILE.protocol.rows / one["cells"])[reached], rtol=1e-6
    )
    assert one["weight"][~reached].isna().all() and (one["kind"] == "sliding").all()
    assert polars.read_parquet(path).height == len(table)
    query = f"select count(*), sum(mass) from '{path}' where protocol = 'fixed'"
    count, total = duckdb.sql(query).fetchall()[0]
    assert count == 3 * n_heads * n_bins
    assert total == pytest.approx(float(np.nansum(PROFILE.mass)), rel=1e-5)


@pytest.mark.parametrize("content", [b"", b"PAR1 nonsense", b"{}"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "p.parquet"
    path.write_bytes(content)
    with pytest.raises(FormatError, match="no measured profile"):
        DecayProfile.load(path)
    with pytest.raises(FormatError, match="does not exist"):
        DecayProfile.load(tmp_path / "absent.parquet")


def test_other_parquet_and_other_versions_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    pandas.DataFrame({"a": [1]}).to_parquet(path)
    with pytest.raises(FormatError, match="no measured profile"):
        DecayProfile.load(path)
    object.__setattr__(other := made_profile(n_prompts=1), "schema", "ropescope.profile/99")
    other.save(path)
    with pytest.raises(FormatError, match="profile/99"):
        DecayProfile.load(path)


def test_a_full_disk_leaves_the_old_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow.parquet

    path = tmp_path / "p.parquet"
    PROFILE.save(path)

    def full(table: object, where: Path, **_: object) -> None:
        Path(where).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pyarrow.parquet, "write_table", full)
    with pytest.raises(MeasurementError, match=r"cannot be written .*No space left"):
        made_profile(n_prompts=1).save(path)
    assert DecayProfile.load(path) == PROFILE
    assert [item.name for item in tmp_path.iterdir()] == ["p.parquet"]
