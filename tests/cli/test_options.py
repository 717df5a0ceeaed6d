from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidra.cli.options import parse_options
from vidra.errors import OptionRefused


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("embed-thumbnail", "embed_thumbnail", True),
        ("--write-subs=true", "write_subs", True),
        ("retries=5", "retries", 5),
        ('sub_langs=["en","de"]', "sub_langs", ["en", "de"]),
        ("merge_output_format=mkv", "merge_output_format", "mkv"),
        ("format=bv*+ba/b[ext=mp4]", "format", "bv*+ba/b[ext=mp4]"),
        ("limit_rate=", "limit_rate", ""),
        ('output="5"', "output", "5"),
        ("retries=NaN", "retries", "NaN"),
    ],
)
def test_a_value_is_json_where_it_is_json_and_text_otherwise(text: str, key: str, value: object) -> None:
    """Nobody wants to quote `mkv`, everybody expects `true` to be one."""
    assert parse_options([text]) == {key: value}


def test_the_last_one_wins() -> None:
    """As with every other option."""
    assert parse_options(["retries=1", "retries=2"]) == {"retries": 2}


@pytest.mark.parametrize("text", ["", "=5", "a b=5", "5=a", "é=1"])
def test_what_cannot_be_a_name_is_refused(text: str) -> None:
    """With the way to write it."""
    with pytest.raises(OptionRefused, match="key=value"):
        parse_options([text])


@given(st.text())
def test_any_text_survives_as_a_value(value: str) -> None:
    """JSON strings carry what the plain form would trim or take for a number."""
    assert parse_options([f"output={json.dumps(value)}"]) == {"output": value}
