"""The plain shape and the OpenAI pair: every field, every envelope, and what a moved field does."""

import copy
import json

import pytest

from agent.payloads import REASONS, SHAPES, DecodeOptions, FieldMap, decode
from agent.records import Exchange, Record, Rejected, Score

REQUEST = {
    "model": "gpt-4o",
    "messages": [
        {"role": "system", "content": "You are a bank."},
        {"role": "user", "content": [{"type": "text", "text": "Where is my card?"}, {"type": "image_url"}]},
    ],
    "user": "u-9",
}
RESPONSE = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1714564800,
    "model": "gpt-4o-2024-08-06",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "In the post.", "refusal": None},
        }
    ],
    "usage": {"prompt_tokens": 21, "completion_tokens": 4, "total_tokens": 25},
}
WHOLE = Exchange(
    id="chatcmpl-1",
    time=1714564800.0,
    prompt="Where is my card?",
    response="In the post.",
    shape="openai_chat",
    model="gpt-4o-2024-08-06",
    finish_reason="stop",
    model_asked="gpt-4o",
    session="u-9",
    prompt_tokens=21,
    completion_tokens=4,
)


def read(document, **options):
    value = document if isinstance(document, bytes) else json.dumps(document).encode()
    return decode(Record("t", 0, 0, value), DecodeOptions(**options))


def test_pair_fields():
    assert read({"request": REQUEST, "response": RESPONSE}) == [WHOLE]


@pytest.mark.parametrize("question", ["request", "req", "input", "requestBody"])
@pytest.mark.parametrize("answer", ["response", "res", "output", "responseBody"])
@pytest.mark.parametrize("packed", [lambda x: x, json.dumps], ids=["object", "string"])
def test_pair_envelopes(question, answer, packed):
    assert read({question: packed(REQUEST), answer: packed(RESPONSE)}) == [WHOLE]


def test_pair_in_a_body_with_an_envelope():
    found = read({"body": {"request": REQUEST, "response": RESPONSE}, "trace_id": "t1", "latency_ms": 250})
    assert found == [WHOLE._replace(trace_id="t1", latency=0.25)]


def test_pair_of_http_logs():
    line = {
        "request": {"headers": {"a": "b"}, "body": json.dumps(REQUEST)},
        "response": {"status": 200, "body": RESPONSE},
    }
    assert read(line) == [WHOLE]


def message(**fields):
    response = copy.deepcopy(RESPONSE)
    response["choices"][0]["message"] = fields
    return read({"request": REQUEST, "response": response})[0]


def test_refusal_is_the_response_and_the_finish_reason():
    found = message(content=None, refusal="I cannot help.")
    assert (found.response, found.finish_reason) == ("I cannot help.", "refusal")


def test_tool_calls_are_counted_and_answer_without_text():
    found = message(content=None, tool_calls=[{"id": "1", "function": {"name": "look_up", "arguments": "{}"}}])
    assert (found.response, found.tool_calls) == ("", 1)


def test_error_in_place_of_the_response():
    found = read(
        {"request": REQUEST, "response": {"error": {"code": "rate_limit_exceeded", "message": "secret"}}, "id": 5}
    )
    assert [(each.id, each.prompt, each.response, each.error, each.shape) for each in found] == [
        ("5", "Where is my card?", None, "rate_limit_exceeded", "openai_chat")
    ]


def test_an_error_alone_is_a_response_of_what_it_names():
    failed = {"error": {"code": "server_error", "message": "secret"}}
    (found,) = read({"id": "r1", "response": failed})
    assert (found.prompt, found.response, found.error, found.join_key) == (None, None, "server_error", "r1")
    batch = {"id": "b", "custom_id": "c-1", "response": {"status_code": 500, "body": failed}, "error": None}
    (found,) = read(batch)
    assert (found.id, found.error, found.status, found.join_key) == ("c-1", "server_error", 500, "c-1")
    (found,) = read(batch | {"response": None, "error": {"code": "batch_expired"}})
    assert (found.id, found.error, found.join_key) == ("c-1", "batch_expired", "c-1")
    assert Rejected("unrecognised") in read({"response": failed})  # joined by what?


def test_either_id_of_a_pair_is_one_that_feedback_may_name():
    (found,) = read({"id": "r1", "request": REQUEST, "response": RESPONSE})
    assert (found.id, found.trace_id) == ("chatcmpl-1", "r1")
    (found,) = read({"id": "r1", "trace_id": "t1", "request": REQUEST, "response": RESPONSE})
    assert (found.id, found.trace_id) == ("chatcmpl-1", "t1")


def test_completions_with_one_prompt_and_with_several():
    answer = {"id": "c", "choices": [{"text": t} for t in ("a1", "a2", "b1", "b2")]}
    found = read({"request": {"prompt": "A"}, "response": answer})
    assert [(each.prompt, each.response) for each in found] == [("A", "a1")]
    found = read({"request": {"prompt": ["A", "B"]}, "response": answer})
    assert [(each.prompt, each.response, each.id) for each in found] == [("A", "a1", "c#0"), ("B", "b1", "c#1")]


def test_token_prompts_have_no_text():
    assert set(read({"request": {"prompt": [1, 2, 3]}, "response": RESPONSE})) == {Rejected("no_prompt")}


def test_halves_alone_carry_what_joins_them():
    assert (
        read(RESPONSE)[0]._asdict() | {"prompt": "Where is my card?"}
        == WHOLE._replace(model_asked=None, session=None, join_key="chatcmpl-1")._asdict()
    )
    asked = read({"id": "r1", "request": REQUEST})[0]
    assert (asked.prompt, asked.response, asked.join_key, asked.model_asked) == (
        "Where is my card?",
        None,
        "r1",
        "gpt-4o",
    )
    assert read(REQUEST)[0].prompt == "Where is my card?"


@pytest.mark.parametrize(
    ("which", "prompt"),
    [
        ("last_user", "Where is my card?"),
        ("all_user", "Hi\n\nWhere is my card?"),
        ("all", "You are a bank.\n\nHi\n\nWhere is my card?"),
    ],
)
def test_which_part_is_the_prompt(which, prompt):
    request = copy.deepcopy(REQUEST)
    request["messages"].insert(1, {"role": "user", "content": "Hi"})
    assert read({"request": request, "response": RESPONSE}, which=which)[0].prompt == prompt


def test_an_image_alone_is_no_prompt():
    request = {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}
    assert read({"request": request, "response": RESPONSE}) == [Rejected("no_prompt")]


def renamed(document, *path):
    document = copy.deepcopy(document)
    place = document
    for key in path[:-1]:
        place = place[key]
    place["moved_" + path[-1]] = place.pop(path[-1])
    return document


@pytest.mark.parametrize(
    "path",
    [
        ("request", "messages"),
        ("response", "choices"),
        ("response", "choices", 0, "message"),
        ("response", "choices", 0, "message", "content"),
    ],
)
def test_a_moved_field_is_counted(path):
    document = {"request": REQUEST, "response": copy.deepcopy(RESPONSE)}
    del document["response"]["choices"][0]["message"]["refusal"]
    assert Rejected("unrecognised") in read(renamed(document, *path))


@pytest.mark.parametrize("packed", [lambda x: x, json.dumps], ids=["object", "string"])
@pytest.mark.parametrize("half", [("request", "messages"), ("response", "choices")])
def test_a_body_packed_into_a_text_whose_fields_moved_is_no_bare_text(half, packed):
    moved = renamed({"request": REQUEST, "response": RESPONSE}, *half)
    assert Rejected("unrecognised") in read(moved | {half[0]: packed(moved[half[0]])})


def test_a_prompt_that_looks_like_a_request_and_cannot_be_read_is_no_prompt():
    found = read({"request": '{"max_tokens": 3, "moved": "Hi"}', "response": "Hello!", "id": "1"})
    assert [getattr(each, "prompt", each) for each in found] == [None, Rejected("unrecognised")]


DATA = ['{"name": "Ada", "age": 36}', "[3, 45, 99]", '[{"city": "Bern"}, {"city": "Rome"}]', '{"text": "Hi"}', "{}"]


@pytest.mark.parametrize("data", DATA)
def test_an_answer_that_is_data_is_the_answer(data):
    assert [each.response for each in read({"prompt": "As JSON, please", "response": data, "id": "1"})] == [data]
    body = {"id": "1", "input": "As JSON, please", "output": data}
    assert [each.response for each in read({"batch": [{"type": "generation-create", "body": body}]})] == [data]


@pytest.mark.parametrize("data", DATA)
def test_a_prompt_that_is_data_is_the_prompt(data):
    assert [each.prompt for each in read({"prompt": data, "response": "A table.", "id": "1"})] == [data]


@pytest.mark.parametrize(
    "packed",
    [
        '[{"role": "user", "content": "Hi"}]',
        '{"choices": 3}',
        '[{"generation": 3}]',
        '[{"type": "delta", "moved": "Hi"}]',
    ],
)
def test_what_looks_like_an_api_and_cannot_be_read_is_no_answer(packed):
    found = read({"prompt": "Hi", "response": packed, "id": "1"})
    assert [getattr(each, "response", each) for each in found] == [None, Rejected("unrecognised")]


def test_both_halves_moved():
    assert read({"ask": REQUEST, "reply": RESPONSE}) == [Rejected("unrecognised")]


PLAIN = {"prompt": "Hi", "response": "Hello!", "id": 3, "time": "2024-05-01T12:00:00Z", "model": "m"}


def test_plain_fields():
    assert read(PLAIN) == [Exchange("3", 1714564800.0, "Hi", "Hello!", "plain", "m")]


def test_plain_takes_messages_and_an_empty_answer():
    found = read({"prompt": [{"role": "user", "content": "Hi"}], "response": ""})[0]
    assert (found.prompt, found.response, found.join_key) == ("Hi", "", None)


def test_plain_without_a_response_waits_for_it():
    found = read({"prompt": "Hi", "id": "7"})[0]
    assert (found.prompt, found.response, found.join_key) == ("Hi", None, "7")


@pytest.mark.parametrize("prompt", ["", "  \n", [{"role": "system", "content": "Be brief."}]])
def test_plain_without_text(prompt):
    assert read(PLAIN | {"prompt": prompt}) == [Rejected("no_prompt")]


def test_mapping_comes_first_and_may_be_nested():
    document = {"prompt": "decoy", "turn": {"q": "Hi", "a": "Hello!"}, "meta": {"n": 8, "at": 1714564800500, "by": "m"}}
    fields = FieldMap("turn.q", "turn.a", "meta.n", "meta.at", "meta.by")
    assert read(document, fields=fields) == [Exchange("8", 1714564800.5, "Hi", "Hello!", "mapped", "m")]


def test_mapping_of_the_time_alone_overrules_a_known_shape():
    document = {"request": REQUEST, "response": RESPONSE, "seen": 1714564900}
    assert read(document, fields=FieldMap(time="seen")) == [WHOLE._replace(time=1714564900.0)]


def test_mapping_of_a_response_alone():
    found = read({"said": "Hello!", "id": "1"}, fields=FieldMap(response="said"))[0]
    assert (found.prompt, found.response, found.join_key) == (None, "Hello!", "1")


def test_long_texts_are_cut():
    found = read({"prompt": "x" * 50, "response": "y" * 50}, max_text_chars=10)[0]
    assert (found.prompt, found.response) == ("x" * 10, "y" * 10)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (Record("t", 0, 0, None), "tombstone"),
        (Record("t", 0, 0, b""), "empty"),
        (Record("t", 0, 0, b" \n"), "empty"),
        (Record("t", 0, 0, b"", headers=[("offmap-oversized", b"9")]), "oversized"),
        (Record("t", 0, 0, b"", headers=[("offmap-unreadable", b"")]), "unreadable"),
        (Record("t", 0, 0, b"[" + b"1" * 5_000_000 + b"]"), "oversized"),
        (Record("t", 0, 0, b'{"prompt": "\xff"}'), "not_utf8"),
        (Record("t", 0, 0, b"hello there"), "not_json"),
        (Record("t", 0, 0, b"[" * 100_000), "too_deep"),
        (Record("t", 0, 0, b'{"a": NaN, "b": ' + b"[" * 100_000), "too_deep"),
        (Record("t", 0, 0, b'{"greeting": "Hi"}'), "unrecognised"),
        (Record("t", 0, 0, b"17"), "unrecognised"),
        (Record("t", 0, 0, b'{"prompt": 17}'), "unrecognised"),
    ],
)
def test_what_is_no_exchange_has_a_reason(record, reason):
    assert decode(record) == [Rejected(reason)]
    assert reason in REASONS


def test_off_standard_json_is_read():
    found = read(b'{"prompt": "cut \\ud83d", "response": "kept \\ud83d\\ude00 \\\\ud83d", "logprob": -Infinity}')[0]
    assert (found.prompt, found.response) == ("cut \ufffd", "kept \U0001f600 \\ud83d")


@pytest.mark.parametrize("options", [{"which": "first"}, {"max_message_bytes": 0}])
def test_options_that_make_no_sense(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        DecodeOptions(**options)
    with pytest.raises(ValueError, match="dotted path"):
        FieldMap(prompt="a..b")


def test_names_are_distinct():
    assert len(set(SHAPES)) == len(SHAPES)
    assert len(set(REASONS)) == len(REASONS)


ENDED = [
    ({"status": 503, "error": {"type": "overloaded"}}, {"status": 503, "error": "overloaded"}),
    ({"status_code": "200", "status": "ok", "error": None}, {"status": 200}),
    ({"status": "success", "error": "", "scores": [], "feedback": None}, {}),
    ({"error": "we said: Hi"}, {"error": "error"}),  # never the words
    ({"error": False, "finishReason": "length"}, {"finish_reason": "length"}),
    ({"feedback": "thumbs_down"}, {"scores": (Score("feedback", label="thumbs_down"),)}),
    ({"feedback": {"score": 0, "comment": "bad"}}, {"scores": (Score("feedback", 0.0),)}),
    ({"scores": {"helpful": False, "rating": 2}}, {"scores": (Score("helpful", label="false"), Score("rating", 2.0))}),
    (
        {"scores": [{"name": "correct", "value": "0", "judge": "j"}, {"value": 1}, "moved"]},
        {"scores": (Score("correct", 0.0, judge="j"),)},
    ),
]


@pytest.mark.parametrize(("beside", "expected"), ENDED)
def test_how_it_ended_is_read_beside_the_texts(beside, expected):
    for document in (PLAIN, {"request": REQUEST, "response": "Hello!"}, {"messages": "Hi", "response": "Hello!"}):
        before = read(document)[0]
        assert read(document | beside) == [before._replace(**expected)]


def test_an_api_s_own_word_on_its_end_counts_more_than_the_log_s():
    (before,) = read({"request": REQUEST, "response": RESPONSE})
    (found,) = read({"request": REQUEST, "response": RESPONSE, "finish_reason": "cancelled", "status": 200})
    assert found == before._replace(status=200)
    assert found.finish_reason != "cancelled"


def test_no_answer_is_waited_for_after_an_error():
    assert read({"prompt": "Hi", "id": "7", "status": 503}) == [Exchange("7", prompt="Hi", shape="plain", status=503)]
    assert read({"prompt": "Hi", "id": "7", "status": 200})[0].join_key == "7"


def test_feedback_alone_names_its_exchange():
    found = read({"id": "f1", "response_id": "7", "time": 1714564800, "feedback": "thumbs_up", "comment": "thanks"})
    expected = Exchange(
        time=1714564800.0, shape="feedback", join_key="7", scores=(Score("feedback", label="thumbs_up"),)
    )
    assert found == [expected]
    assert (
        read({"trace_id": "t", "scores": {"helpful": 1}})[0][7:]
        == expected._replace(join_key="t", trace_id="t", scores=(Score("helpful", 1.0),))[7:]
    )


@pytest.mark.parametrize("beside", [{}, {"id": "7", "utterance": "Hi"}, {"id": "7", "feedback": None}])
def test_feedback_of_nothing_and_beside_texts_that_moved_is_seen(beside):
    assert read({"feedback": "thumbs_up"} | beside) == [Rejected("unrecognised")]
