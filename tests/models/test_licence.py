"""The licence in a README's front matter, as released models write it."""

import sys
import time

import pytest

from ropescope.models.licence import readme_licence, stated_licence


@pytest.mark.parametrize(
    ("front", "licence"),
    [
        ("license: apache-2.0\nlanguage:\n- en", "apache-2.0"),
        ("language: en\nlicense: other\nlicense_name: tongyi-qianwen\nlicense_link: LICENSE", "tongyi-qianwen"),
        ("license: other", "other"),
        ('license: "llama3.1"', "llama3.1"),
        ("license: 'cc-by-nc-4.0' # not for sale", "cc-by-nc-4.0"),
        ("license:\n- mit\n- apache-2.0\ntags: []", "mit, apache-2.0"),
        ("license:\n  - mit", "mit"),
        ("license: other\nlicense_name: >-\n  a name\n  of two lines\nx: y", "a name of two lines"),
        ("model_license: mit\nx: license", None),
        ("license: [mit", None),
        ("license: {a: b}", None),
        ("license: 3", None),
        ("license:", None),
        ("license: !!python/object/apply:os.system [touch /tmp/never]", None),
    ],
)  # fmt: skip
def test_front_matter(front, licence):
    assert readme_licence(f"---\n{front}\n---\n# A model\nlicense: mit\n") == licence
    assert readme_licence(f"---\r\n{front}\r\n---\r\n".replace("\r\n", "\n")) == licence


def test_without_front_matter_there_is_none():
    assert readme_licence("# A model\nlicense: mit\n") is None
    assert readme_licence("---\nlicense: mit\n") is None
    assert readme_licence("") is None


def test_a_plain_licence_costs_no_yaml():
    sys.modules.pop("yaml", None)
    assert readme_licence("---\nlicense: mit\nlicense_name: x\n---\n") == "mit"
    assert "yaml" not in sys.modules


def test_a_bomb_of_references_does_not_go_off():
    bomb = "license: &a [x]\n" + "\n".join(f"license_name: &l{n} [{', '.join(['*a'] * 9)}]" for n in range(2000))
    started = time.perf_counter()
    assert readme_licence(f"---\n{bomb}\n---\n") is None
    assert time.perf_counter() - started < 5


def test_a_card_in_parts():
    assert stated_licence({"license": "other", "license_name": "gemma"}) == "gemma"
    assert stated_licence({"license": ["mit", 3]}) is None
    assert stated_licence({}) is None
