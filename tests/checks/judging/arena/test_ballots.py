"""Votes as files have them: labels, columns, and what is told of a bad line."""

import json

import pytest

from ropescope.checks.judging.arena.ballots import columns_of, declared_labels, log_ratio, read_ballots
from ropescope.errors import FormatError, InputError

HEAD = "model_a,model_b,winner\n"


def read(tmp_path, text, measured=(), labels=(), voter=None, item=None):
    file = tmp_path / "votes.csv"
    file.write_text(text)
    return read_ballots(file, measured, declared_labels(labels), voter, item)


def test_labels_as_public_files_write_them(tmp_path):
    found = read(tmp_path, HEAD + "x,y,model_a\nx,y,model_b\ny,x,tie\nx,y,tie (bothbad)\nx,y,A\nx,y,y\nx,x,tie\n")
    assert found.outcome == [1, -1, 0, 0, 1, -1] and found.names == ["x", "y"]
    assert found.first == [0, 0, 1, 0, 0, 0] and (found.both_bad, found.with_itself) == (1, 1)


def test_declared_labels(tmp_path):
    found = read(tmp_path, HEAD + "x,y,1\nx,y,2\nx,y,0\n", labels=("a=1", "b=2", "tie=0"))
    assert found.outcome == [1, -1, 0]
    for bad in ("1", "c=1", "a="):
        with pytest.raises(InputError, match="a=LABEL"):
            declared_labels((bad,))
    with pytest.raises(InputError, match="two meanings"):
        declared_labels(("a=1", "b=1"))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("x,y,modl_b", r":3: the winner 'modl_b' is none of"),
        ("x,y,", r":3: the winner '' is none of"),
        ("B,A,B", r":3: the winner 'B' is a label and another model's name"),
        (",y,tie", r":3: model_a must be a model's name"),
        ("x" * 201 + ",y,tie", r":3: model_a must be a model's name"),
    ],
)
def test_a_bad_line_is_told_with_its_number(tmp_path, line, told):
    with pytest.raises(FormatError, match=told):
        read(tmp_path, HEAD + f"x,y,tie\n{line}\n")


def test_columns(tmp_path):
    assert columns_of("length") == ("length_a", "length_b")
    assert columns_of("meta.sum_{}_tokens") == ("meta.sum_a_tokens", "meta.sum_b_tokens")
    with pytest.raises(FormatError, match="no column winner"):
        read(tmp_path, "model_a,model_b\nx,y\n")
    with pytest.raises(InputError, match="`voter` is 'who'"):
        read(tmp_path, HEAD + "x,y,tie\n", voter="who")
    with pytest.raises(FormatError, match="no vote between two models"):
        read(tmp_path, HEAD + "x,x,tie\n")


def test_numbers_of_both_answers_also_within_objects(tmp_path):
    measured = [(*columns_of("meta.sum_{}_tokens"), log_ratio)]
    row = {"model_a": "x", "model_b": "y", "winner": "tie", "judge": "u1", "question_id": 7, "turn": 2}
    text = json.dumps({**row, "meta": {"sum_a_tokens": 200, "sum_b_tokens": 0}})
    found = read(tmp_path, text, measured)
    assert found.covariates == [(pytest.approx(5.2983, abs=1e-4),)]
    assert (found.voters, found.items) == (["u1"], ["7 2"])
    for wrong in ({"sum_a_tokens": "long", "sum_b_tokens": 1}, {"sum_a_tokens": -1, "sum_b_tokens": 1}, {}, 3):
        with pytest.raises(FormatError, match=r":1: meta\.sum_a_tokens is"):
            read(tmp_path, json.dumps({**row, "meta": wrong}), measured)
