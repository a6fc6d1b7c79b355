"""The config's own word on where a message keeps its fields: dotted paths and JMESPath."""

import json
import time

import pytest

from agent.payloads import DecodeOptions, FieldMap, decode
from agent.payloads.expressions import finder
from agent.reading import decode_options
from agent.records import Exchange, Record, Rejected
from config import ConfigError, load_settings

TICKET = {
    "meta": {"request-id": 7, "at": "2024-05-01T12:00:00Z"},
    "turns": [
        {"who": "customer", "text": "Hello"},
        {"who": "agent", "text": "Yes?"},
        {"who": "customer", "text": "Where is my card?"},
        {"who": "agent", "text": "In the post."},
    ],
}
FIELDS = {
    "prompt": "turns[?who=='customer'] | [-1].text",
    "response": "turns[?who=='agent'] | [-1].text",
    "id": "meta.request-id",
    "time": "meta.at",
}


def read(document, **fields):
    record = Record("t", 0, 0, json.dumps(document).encode())
    return decode(record, DecodeOptions(fields=FieldMap(**fields)))


def test_a_shape_of_ones_own():
    expected = Exchange("7", 1714564800.0, "Where is my card?", "In the post.", "mapped")
    assert read(TICKET, **FIELDS) == [expected]


def test_a_half_is_joined_by_the_id_that_the_config_names():
    question = {"meta": TICKET["meta"], "turns": TICKET["turns"][:1]}
    answer = {"meta": TICKET["meta"], "turns": TICKET["turns"][1:2]}
    assert [each.join_key for each in read(question, **FIELDS) + read(answer, **FIELDS)] == ["7", "7"]
    assert read(TICKET, **FIELDS)[0].join_key is None


def test_a_message_without_the_field_that_fits_a_known_shape_is_told_by_it():
    assert read({"prompt": "Hi"}, **FIELDS)[0].shape == "plain"
    openai = {"request": {"messages": [{"role": "user", "content": "Hi"}]}, "response": {"choices": []}}
    assert read(openai, **FIELDS)[0].shape == "openai_chat"
    assert read({"q": [{"role": "user", "content": "Hi"}]}, prompt="q")[0].shape == "mapped"
    assert read({"prompt": "Hi"}, time="at")[0].shape == "plain"  # nothing says where the prompt stands


@pytest.mark.parametrize("document", [{"turns": 7}, {"turns": None}, {}, {"turns": [1, None, []]}])
def test_a_message_without_the_field_is_unrecognised(document):
    assert read(document, **FIELDS) == [Rejected("unrecognised")]
    assert read(document, prompt="join(' ', turns)") == [Rejected("unrecognised")]


@pytest.mark.parametrize(
    ("expression", "good"),
    [
        ("a", True),
        ("x-request-id", True),
        ("deep er.äö.1", True),
        ("a[0].b", True),
        ('"a.b".c', True),
        ("", False),
        ("a..b", False),
        ("a[", False),
        ("a ||", False),
        ("no_such_function(", False),
    ],
)
def test_config_and_decoder_take_the_same_expressions(expression, good):
    settings = {"profile": {"path": "p"}, "payload": {"prompt_field": expression}}
    if good:
        assert load_settings(None, settings).payload.prompt_field == expression
        finder(expression)
    else:
        with pytest.raises(ConfigError, match=r"payload\.prompt_field: "):
            load_settings(None, settings)
        with pytest.raises(ValueError, match="is not a"):
            finder(expression)


def test_what_the_config_says_of_tags_and_lengths_reaches_the_decoder():
    environ = {"OFFMAP_PAYLOAD__TAGS": "meta.team, tier", "OFFMAP_PAYLOAD__MAX_TEXT_CHARS": "100"}
    settings = load_settings(overrides={"profile": {"path": "x.offmap"}}, environ=environ)
    options = decode_options(settings, "last_user")
    value = {"prompt": "a" * 101, "response": "b" * 100, "tier": 2, "meta": {"team": "cards", "other": 1}}
    (found,) = decode(Record("t", 0, 0, json.dumps(value).encode()), options)
    assert found.tags == (("meta.team", "cards"), ("tier", "2"))
    assert (found.prompt, found.response) == ("a" * 100, "b" * 100)


@pytest.mark.parametrize("tags", [[f"t{i}" for i in range(17)], ["x" * 201], [""]])
def test_tags_are_bounded(tags):
    with pytest.raises(ConfigError, match=r"payload\.tags"):
        load_settings(overrides={"profile": {"path": "x.offmap"}, "payload": {"tags": tags}}, environ={})


@pytest.mark.parametrize("turns", [[{}] * 300_000, [{"who": "customer", "text": "a"}] * 30_000])
def test_an_expression_takes_no_more_than_its_steps(turns):
    value = json.dumps({"turns": turns}).encode()
    options = DecodeOptions(fields=FieldMap(prompt=FIELDS["prompt"], response=FIELDS["response"]))
    took = []
    for _ in range(5):  # the machine may be busy
        started = time.thread_time()
        assert decode(Record("t", 0, 0, value), options) == [Rejected("unrecognised")]
        took.append(time.thread_time() - started)
    assert min(took) < 0.1
    few = json.dumps({"turns": turns[:1000] + TICKET["turns"]}).encode()
    (found,) = decode(Record("t", 0, 0, few), options)
    assert found.prompt == "Where is my card?"
