"""What the files of a tokenizer say, against the tokenizers and transformers libraries."""

import json

import pytest
import stored_models as made

from ropescope.models import open as open_model
from ropescope.models.vocabulary import read_vocabulary

CONFIG = made.LLAMA_31_8B | {"num_hidden_layers": 1, "eos_token_id": 7, "bos_token_id": 3}


@pytest.fixture
def folder(tmp_path):
    return made.write_folder(tmp_path / "model", CONFIG, {"a.weight": ("F32", (2, 2))})


def trained(kind):
    """A tokenizer of 300 tokens at most, trained on a little text with hard words in it."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    special = ["<pad>", "<s>", "</s>", '"quoted"', "back\\slash", '":5']
    made_of = {
        "BPE": (models.BPE(), trainers.BpeTrainer(vocab_size=300, special_tokens=special)),
        "Unigram": (
            models.Unigram(),
            trainers.UnigramTrainer(vocab_size=60, special_tokens=special, unk_token="<pad>"),
        ),
        "WordPiece": (
            models.WordPiece(unk_token="<pad>"),
            trainers.WordPieceTrainer(vocab_size=90, special_tokens=special),
        ),
        "WordLevel": (
            models.WordLevel(unk_token="<pad>"),
            trainers.WordLevelTrainer(vocab_size=40, special_tokens=special),
        ),
    }
    tokenizer = Tokenizer(made_of[kind][0])
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    text = [
        'merges vocab "model" : { } \\ \\\\ "merges":[ added_tokens normalizer é ü 漢字',
        "the quick brown fox jumps",
    ]
    tokenizer.train_from_iterator(text * 5, made_of[kind][1])
    tokenizer.add_tokens(["later", "and more"])
    tokenizer.add_special_tokens(["<|end|>"])
    return tokenizer


@pytest.mark.parametrize("kind", ["BPE", "Unigram", "WordPiece", "WordLevel"])
@pytest.mark.parametrize("pretty", [False, True])
def test_the_vocabulary_is_that_of_the_library(kind, pretty):
    tokenizer = trained(kind)
    found = read_vocabulary(tokenizer.to_str(pretty=pretty).encode())
    assert found.size == tokenizer.get_vocab_size(with_added_tokens=True)
    assert found.kind == kind
    assert found.added["<|end|>"] == tokenizer.token_to_id("<|end|>")
    assert found.added['"quoted"'] == tokenizer.token_to_id('"quoted"')


def test_a_vocabulary_with_gaps_counts_the_ids_there_are():
    plain = {"version": "1.0", "added_tokens": [{"id": 9, "content": "x"}], "normalizer": None}
    model = {"type": "BPE", "vocab": {"a": 0, "b": 5, "c": 7}, "merges": []}
    assert read_vocabulary(json.dumps(plain | {"model": model}).encode()).size == 4
    model["vocab"] = {"a": 0, "b": 1, "x": 9}
    assert read_vocabulary(json.dumps(plain | {"model": model}).encode()).size == 3


@pytest.mark.parametrize(
    "raw",
    [b"", b"{}", b"\xff\xfe", b'{"model": {"type": "BPE", "vocab": {"a": "b"}, "merges": []}}', b'{"model": {"vocab": {',
     b'{"model": {"type": "BPE", "vocab": {"a": 1.5}, "merges": []}}', b'"model": {' * 5000,
     b'{"model": {"vocab": ' + b"[" * 100_000],
)  # fmt: skip
def test_a_file_laid_out_otherwise_says_nothing(raw):
    assert read_vocabulary(raw).size is None


def test_a_folder_saved_by_transformers(tmp_path, tiny_folder_with_tokenizer):
    from transformers import AutoTokenizer

    theirs = AutoTokenizer.from_pretrained(tiny_folder_with_tokenizer)
    found = open_model(tiny_folder_with_tokenizer).tokenizer
    assert found.vocab_size == len(theirs)
    assert found.special_ids == {
        "bos": (theirs.bos_token_id,),
        "eos": (theirs.eos_token_id,),
        "pad": (theirs.pad_token_id,),
    }
    assert found.kind == "BPE" and found.source == "tokenizer.json" and found.chat_template is None


def test_without_its_files_there_is_no_tokenizer(folder):
    (folder / "generation_config.json").write_text('{"eos_token_id": 2}')
    assert open_model(folder).tokenizer is None


def test_where_the_ids_come_from(folder):
    settings = {"eos_token": "</s>", "bos_token": {"content": "<s>"}, "unk_token": "<none>", "tokenizer_class": "Fast",
                "added_tokens_decoder": {"1": {"content": "<s>"}, "2": {"content": "</s>"}, "x": {}, "3": None}}  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    assert open_model(folder).tokenizer.special_ids == {"bos": (1,), "eos": (2,)}
    # A model may end its text with more than the tokenizer's token; generation_config has the last word on that.
    (folder / "generation_config.json").write_text('{"eos_token_id": [2, 9], "bos_token_id": 8, "pad_token_id": 0}')
    found = open_model(folder).tokenizer
    assert found.special_ids == {"bos": (1,), "eos": (2, 9), "pad": (0,)}
    assert (found.kind, found.vocab_size) == ("Fast", None)
    del settings["eos_token"], settings["bos_token"]
    (folder / "generation_config.json").unlink()
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    assert open_model(folder).tokenizer.special_ids == {"bos": (3,), "eos": (7,)}  # as config.json has them


def test_chat_templates(folder):
    several = [{"name": "tool_use", "template": "tools"}, {"name": "default", "template": "plain"}, {"name": 4}]
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": several}))
    assert open_model(folder).tokenizer.chat_template == "plain"
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": several[:1]}))
    assert open_model(folder).tokenizer.chat_template == "tools"
    (folder / "tokenizer_config.json").write_text("{}")
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": "of a processor"}))
    assert open_model(folder).tokenizer.chat_template == "of a processor"
    (folder / "chat_template.jinja").write_text("{% for m in messages %}<script>{% endfor %}")
    assert open_model(folder).tokenizer.chat_template == "{% for m in messages %}<script>{% endfor %}"


def test_a_damaged_file_is_a_note(folder):
    (folder / "tokenizer_config.json").write_text('{"eos_token": ')
    found = open_model(folder)
    assert found.parameters.total == 4
    assert "tokenizer_config.json:1 is not valid JSON" in found.notes[0]


def test_a_template_that_leads_out_of_the_folder_is_not_shown(folder, tmp_path):
    (tmp_path / "secret").write_text("secret")
    (folder / "chat_template.jinja").symlink_to(tmp_path / "secret")
    found = open_model(folder)
    assert found.tokenizer is None or found.tokenizer.chat_template is None
    assert any("leads out of its folder" in note for note in found.notes)


def test_the_licence_of_a_folder(folder):
    (folder / "README.md").write_text("---\nlicense: gemma\n---\n")
    assert open_model(folder).licence == "gemma"


@pytest.mark.weights
def test_smollm2_by_its_gguf_file():
    found = open_model("smollm2")
    assert found.tokenizer.vocab_size == 49152 and found.tokenizer.special_ids["eos"] == (2,)
    assert found.licence == "apache-2.0"
    assert "<|im_start|>" in found.tokenizer.chat_template
    assert found.parameters.total == 134_515_008
