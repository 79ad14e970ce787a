"""Which file of a dataset is taken."""

import pytest

from ropescope.models.datasets import choose_file


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["data/test-0.parquet", "data/train-1.parquet", "data/train-0.parquet"], "data/train-0.parquet"),
        (["train.txt", "train.jsonl", "README.md"], "train.jsonl"),
        (["all.parquet", "train.txt"], "train.txt"),
        (["readme.txt", "b.txt"], "b.txt"),
        (["picture.png", "train.csv.gz"], "train.csv.gz"),
        (["picture.png", "dataset_infos.json"], None),
    ],
)
def test_chooses_by_split_then_kind(names, chosen):
    assert choose_file(names, "train") == chosen
