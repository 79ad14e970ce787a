"""Languages: complete where they claim to be, the same places in every translation, and sentences found again among templates."""

from __future__ import annotations

import importlib.util
import json
import re
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import released_configs as released
from file_rows import FILES, written

from ropescope.app.web.backend import answer, problems
from ropescope.app.web.languages.catalogues import LANGUAGES, PARTS, messages
from ropescope.app.web.languages.joins import bracketed, joined, stopped
from ropescope.app.web.languages.sentences import Sentences, sentences
from ropescope.app.web.languages.translated import page_words, translated

OTHERS = [language for language in LANGUAGES if language != "en"]
COMPLETE = ("page", "questions")
QUOTED = {"show-report"}
"""Questions whose verdict is no sentence of ropescope's: it stands in the file that is shown."""
DOCS = Path(__file__).resolve().parents[3] / "docs"


@pytest.fixture(scope="module")
def extraction() -> ModuleType:
    pytest.importorskip("babel")
    spec = importlib.util.spec_from_file_location("extract_messages", DOCS / "extract_messages.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def found(extraction: ModuleType) -> dict[str, dict[str, set[str]]]:
    return extraction.gathered()  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("models") / "Llama-3.1-8B"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(released.LLAMA_31_8B))
    return str(folder)


@pytest.mark.parametrize("language", OTHERS)
def test_what_claims_to_be_complete_is(language: str, found: dict[str, dict[str, set[str]]]) -> None:
    for part in COMPLETE:
        said = messages(language, part)
        missing = [text for text in found[part] if not said.get(text)]
        assert not missing, (
            f"run python docs/extract_messages.py, and translate in languages/{language}/{part}.po: {missing[:3]}"
        )


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("part", ["page", "questions", "reports"])
def test_a_translation_has_the_places_of_its_english(language: str, part: str) -> None:
    for english, said in messages(language, part).items():
        if said:
            places, told = (sorted(re.findall(r"\{\w+\}", text)) for text in (english, said))
            # Chinese has no plural: the place of an English ending may be left out.
            endings = {place for place in places if re.search(rf"[a-z]{re.escape(place)}", english)}
            assert told == places or (language == "zh" and set(places) - set(told) <= endings), english
            assert [text[:1].isspace() for text in (english, english[::-1])] == [
                text[:1].isspace() for text in (said, said[::-1])
            ], english


def test_the_page_has_every_word_of_its_forms() -> None:
    words = page_words("fr")
    assert words["Before you download"] == "Avant de télécharger"
    assert (
        words["a whole number of tokens from 1 to 1,073,741,824"] == "un nombre entier de tokens de 1 à 1,073,741,824"
    )
    assert words["Copy link"] == "Copier le lien"
    assert page_words("en") == {}


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("es", "`context` = '8x' no es un número. Los números pueden escribirse 0.5, 1e6, 128k, 128Ki o 1M."),
        ("fr", "`context` = '8x' n'est pas un nombre. Les nombres peuvent s'écrire 0.5, 1e6, 128k, 128Ki ou 1M."),
        ("zh", "`context` = '8x' 不是数字。数字可以写成 0.5、1e6、128k、128Ki 或 1M。"),
    ],
)
def test_errors_are_said_in_the_language_and_name_the_same_field(language: str, sentence: str) -> None:
    made = answer("fit", {"source": "x", "gpu": "4090", "context": "8x"}, language=language)
    assert (made["error"]["message"], made["error"]["field"], made["english"]) == (sentence, "context", [])
    assert problems("fit", {"context": "8x"}, language) == {"context": sentence}


def test_a_clause_within_a_clause_is_found_and_names_stay() -> None:
    said = Sentences(
        {
            "{0} fits {1}: {2}.": "{0} cabe en {1}: {2}.",
            "{0} to spare": "sobran {0}",
            ", with {0}": ", con {0}",
            "full": "completa",
            " and ": " y ",
            "Cheapest way out: {0}.": "Salida más barata: {0}.",
            "is not": "",
        }
    ).say
    assert said("m fits 4090, with 2: 1.5 GiB to spare.") == ("m cabe en 4090, con 2: sobran 1.5 GiB.", 0)
    assert said("m fits 4090: full and full.").text == "m cabe en 4090: completa y completa."
    assert (
        said("m fits 4090: full. Cheapest way out: full.").text
        == "m cabe en 4090: completa. Salida más barata: completa."
    )
    assert said("this is not known") == ("this is not known", 2)  # "known" is no word of ours, and so no English one


def test_a_message_of_several_sentences_is_known_by_each_of_them() -> None:
    said = Sentences(
        {
            "{0} fits. Colours may differ on {1}.": "{0} cabe. Los colores pueden diferir en {1}.",
            "{0} Cheapest way out: {1}.": "{0} Salida más barata: {1}.",
            " {0} more below.": " {0} más abajo.",
            "No question is called {0}.": "",
        }
    ).say
    assert said("Colours may differ on X.") == ("Los colores pueden diferir en X.", 0)
    assert said("Cheapest way out: X. 2 more below.").text == "Salida más barata: X. 2 más abajo."
    assert said("No question is called X. Colours may differ on Y.").text == (
        "No question is called X. Los colores pueden diferir en Y."
    )


def test_names_and_choices_stay_where_their_place_says_that_they_are_such() -> None:
    said = Sentences(
        {
            "“{0}” is written before “{1}”": "“{0}” va antes que “{1}”",
            "`{0}` must be {1}, not {2}.": "`{0}` debe ser {1}, no {2}.",
            "answer": "respuesta",
            "window": "ventana",
            " or ": " o ",
            "as acc or more": "como acc o más",
            "only acc counts": "solo cuenta acc",
        }
    )
    assert said.say("“answer” is written before “window”").text == "“answer” va antes que “window”"
    assert said.say("`kind` must be answer or window, not 'x'.").text == "`kind` debe ser answer o window, no 'x'."
    assert said.say("answer or window").text == "respuesta o ventana"
    assert "acc" not in said.vocabulary  # a word that its translations keep is a name
    assert said.say("answer-window").text == "answer-window"


@pytest.mark.parametrize(
    ("pieces", "whole"),
    [
        (("放不进 ", "一个 RTX", "：需要"), "放不进一个 RTX：需要"),
        (("RULER", ": ", "有效长度"), "RULER：有效长度"),
        (("41 个 token", "; ", "全部"), "41 个 token；全部"),
        (("轮次结束", ", ", "BOS"), "轮次结束，BOS"),
        (("vllm", ", ", "sglang"), "vllm, sglang"),
        (("用", "Q4_K_M", "的"), "用 Q4_K_M 的"),
        (("cabe en ", "4090", ": sí"), "cabe en 4090: sí"),
    ],
)
def test_chinese_pieces_meet_without_stray_spaces_and_others_as_they_are(pieces: tuple[str, ...], whole: str) -> None:
    assert joined(pieces) == whole


@pytest.mark.parametrize("language", OTHERS)
def test_a_message_is_found_among_all_others(language: str) -> None:
    said, known, other = sentences(language), {}, []
    for part in reversed(PARTS):
        known |= messages(language, part)
    for english, told in known.items():
        if told and not re.search(r"[\w.]\{|\}\w", english):  # what stands beside a letter is an ending or a clause
            both = (
                re.sub(r"\{(\d+)\}", r"X\1", text).replace("{{", "{").replace("}}", "}") for text in (english, told)
            )
            text, wanted = both
            if re.sub(r"\W", "", said.say(text).text) != re.sub(r"\W", "", wanted):
                other.append(text)
    assert len(other) < 0.005 * len(known), other


def test_chinese_brackets_and_stops_are_wide() -> None:
    assert bracketed("HumanEval ", "164 题", "") == "HumanEval（164 题）"
    assert bracketed("llama ", "2", "") == "llama (2)"
    assert stopped("其缓存占 16 GiB.") == "其缓存占 16 GiB。"
    assert stopped("llama.cpp.") == "llama.cpp."


def test_what_is_counted_is_said_in_the_language_and_units_stay() -> None:
    facts = [
        {"name": "documents", "value": value, "source": "", "note": ""}
        for value in ("10 documents", "25 of 64", "3 GiB", "62.3 ms", "215 tokens/s")
    ]
    report = {"title": "", "verdict": "", "facts": facts, "tables": [], "figures": [], "caveats": [], "steps": []}
    made = translated({"report": report}, "zh")["report"]["facts"]
    assert [fact["value"] for fact in made] == ["10 个文档", "25 / 64", "3 GiB", "62.3 ms", "215 tokens/s"]


def test_a_hostile_text_takes_no_time_and_no_place_of_its_own() -> None:
    said = sentences("es")
    began = time.process_time()
    for text in ("a and b, or c: " * 200, "and " * 999, "{0} or {1} and {before}", "`" * 3000, "x: " * 1000):
        said.say(text)
    assert time.process_time() - began < 5
    assert translated({"error": {"message": "There is no question '{0} {1}'."}}, "es")["error"]["message"] == (
        "No existe la pregunta '{0} {1}'."
    )


NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
ASKED = {
    "fit": {"gpu": "4090"},
    "show": {},
    "speed": {"gpu": "h100-sxm", "batch": "8"},
    "hardware": {"among": "4090,h100-sxm"},
    "predict": {},
}
SAID = {
    ("fit", "es"): (
        "Llama-3.1-8B con 131,072 tokens × 1 no cabe en una RTX 4090: necesita {} GiB donde se puede usar {} GiB; "
        "la causa: la caché. La solución más barata: pesos en fp8, caché en fp8."
    ),
    ("fit", "fr"): (
        "Llama-3.1-8B à 131,072 tokens × 1 ne tient pas sur une RTX 4090 : il lui faut {} GiB où {} GiB peut être utilisé ; "
        "la cause : le cache. La solution la moins coûteuse : poids en fp8, cache en fp8."
    ),
    ("fit", "zh"): (
        "Llama-3.1-8B（131,072 个 token × 1）放不进一个 RTX 4090：需要 {} GiB，可用 {} GiB；主因是缓存。"
        "代价最小的办法：权重为 fp8，缓存用 fp8。"
    ),
    ("show", "es"): (
        "Llama-3.1-8B (llama): 8.03B parámetros; capas: 32 completas; contexto de 131,072 tokens (llama3 desde 8,192), "
        "cuya caché ocupa 16 GiB. Todas las capas de atención pueden leer cada token anterior."
    ),
    ("show", "fr"): (
        "Llama-3.1-8B (llama): 8.03B paramètres; couches : 32 complètes; contexte de 131,072 tokens (llama3 depuis 8,192), "
        "dont le cache prend 16 GiB. Chaque couche d'attention peut lire chaque token antérieur."
    ),
    ("show", "zh"): (
        "Llama-3.1-8B (llama)：8.03B 参数；32 个全注意力层；上下文 131,072 个 token（llama3，从 8,192 起），其缓存占 16 GiB。"
        "每个注意力层都能读取之前的所有 token。"
    ),
}


def texts(value: object) -> list[str]:
    """Every text in an answer."""
    if isinstance(value, str):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for part in parts for text in texts(part)]


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("question", ASKED)
def test_an_answer_is_said_in_the_language_with_the_same_numbers(question: str, language: str, llama: str) -> None:
    made = answer(question, {"source": llama, **ASKED[question]})
    told = translated(made, language)
    for part in ("verdict", "facts", "tables", "caveats", "steps"):
        both = zip(texts(made["report"][part]), texts(told["report"][part]), strict=True)
        for english, said in both:
            assert sorted(NUMBER.findall(english)) == sorted(NUMBER.findall(said)), english
    for part in ("lead", "data", "whole", "markdown", "holds"):
        assert told["report"][part] == made["report"][part]
    verdict = told["report"]["verdict"]
    assert verdict != made["report"]["verdict"] and verdict not in told["english"]
    if (question, language) in SAID:
        sizes = re.findall(r"[\d.]+(?= GiB)", made["report"]["verdict"])
        assert verdict == SAID[question, language].format(*sizes)


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory, tiny_folder_with_tokenizer: Path) -> dict[str, dict[str, Any]]:
    """What is answered to each row of the matrix that needs files alone, and to its bad inputs, in English."""
    folder = tmp_path_factory.mktemp("rows")
    asked = written(folder, tiny_folder_with_tokenizer)
    return {
        f"{row.question}{of}": answer(row.question, given, names={str(folder): "HERE"})
        for row, both in zip(FILES, asked, strict=True)
        for of, given in zip(("", ", bad"), both, strict=True)
        if f"{row.question}{of}" not in QUOTED
    }


@pytest.mark.parametrize("language", OTHERS)
def test_every_verdict_error_and_name_of_a_fact_is_said_in_full(language: str, answers: dict[str, Any]) -> None:
    left: dict[str, list[str]] = {}
    for question, made in answers.items():
        told = translated(made, language)
        report = told.get("report", {"verdict": told.get("error", {}).get("message"), "facts": []})
        said = [report["verdict"], *(fact["name"] for fact in report["facts"])]
        if english := [text for text in said if text in told["english"]]:
            left[question] = english
    assert not left, f"translate in languages/{language}/reports.po, or mend languages/sentences.py: {left}"
