"""The Open Inference Protocol (KServe V2, Triton, Seldon): named tensors, of which those of bytes hold text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from agent.payloads import jsontext
from agent.payloads.context import Context, Outcome
from agent.payloads.fields import MOST_PARTS, name
from agent.payloads.predict_v1 import ANSWERS, pick
from agent.payloads.reasons import UnreadableError
from agent.payloads.text import prompt_text, reply_text
from agent.records import Exchange, Rejected

REQUEST_MARKS = frozenset({"inputs"})
RESPONSE_MARKS = frozenset({"outputs"})
_PROMPTS = ("prompt", "text_input", "text", "input", "inputs", "query", "question", "messages", "args", "array_inputs")
_ANSWERS = ("text_output", "output", "outputs", "response", "generated_text", "text", "answer", "predictions")
_SETTINGS = frozenset({"stop", "stop_words", "bad_words", "sampling_parameters", "parameters", "role", "type", "tools"})
_TEXT = "BYTES"


class Tensor(NamedTuple):
    """One named tensor; `texts` is None where it holds numbers, and empty where its texts were not found."""

    name: str
    texts: Sequence[str] | None


def request(body: dict[str, Any], context: Context) -> list[Outcome]:
    """Read ``{"id", "inputs": [{"name", "datatype": "BYTES", "data"}]}``."""
    tensors = _tensors(body.get("inputs"))
    return [] if tensors is None else asked(tensors, name(body.get("id")), context)


def response(body: dict[str, Any], context: Context) -> list[Outcome]:  # noqa: ARG001 - readers have one signature
    """Read ``{"id", "model_name", "outputs": [{"name", "datatype": "BYTES", "data"}]}``."""
    tensors = _tensors(body.get("outputs"))
    return [] if tensors is None else answered(tensors, name(body.get("id")), name(body.get("model_name")))


def asked(tensors: Sequence[Tensor], identity: str | None, context: Context) -> list[Outcome]:
    """Read the inputs: one prompt for each text, or one for a chat that comes as tensors of roles and contents."""
    turns = _chat(tensors)
    found = [turns] if turns else _texts(tensors, _PROMPTS)
    if not found:
        return [_nothing(tensors)]
    prompts = [prompt_text(_unpacked(each), context.options.which) for each in found]
    return [
        Rejected("no_prompt") if prompt is None else Exchange(id=identity, prompt=prompt, shape="open_inference")
        for prompt in prompts
    ]


def answered(tensors: Sequence[Tensor], identity: str | None, model: str | None) -> list[Outcome]:
    """Read the outputs: one answer for each text."""
    turns = _chat(tensors)
    found = [reply_text(turns) or turns[-1]["content"]] if turns else _texts(tensors, _ANSWERS)
    if not found:
        return [_nothing(tensors)]
    return [
        Exchange(id=identity, response=pick(_unpacked(text), ANSWERS) or text, shape="open_inference", model=model)
        for text in found
    ]


def _nothing(tensors: Sequence[Tensor]) -> Rejected:
    """Tell a model of numbers from texts that were not found."""
    return Rejected("not_llm" if tensors and all(tensor.texts is None for tensor in tensors) else "unrecognised")


def _tensors(value: Any) -> list[Tensor] | None:
    if not isinstance(value, list) or not all(isinstance(each, dict) and "name" in each for each in value):
        return None
    value = value[:MOST_PARTS]
    return [Tensor(name(each["name"]) or "", _flat(each)) for each in value]


def _flat(tensor: dict[str, Any]) -> list[str] | None:
    """Return a tensor's texts in row order, whatever its nesting."""
    data, datatype = tensor.get("data"), tensor.get("datatype")
    if isinstance(datatype, str) and datatype != _TEXT:
        return None
    flat: list[str] = []
    rest = data[::-1] if isinstance(data, list) and datatype else []
    while rest:
        value = rest.pop()
        if isinstance(value, list):
            rest.extend(reversed(value))
        elif isinstance(value, str):
            flat.append(value)
    return flat


def _texts(tensors: Sequence[Tensor], preferred: tuple[str, ...]) -> list[Any]:
    """Return the texts of the tensor with the most likely name, else of the first that is no setting."""
    readable = {tensor.name.lower(): tensor.texts for tensor in tensors if tensor.texts}
    for each in preferred:
        if each in readable:
            return list(readable[each][: MOST_PARTS + 1])
    texts = next((texts for title, texts in readable.items() if title not in _SETTINGS), [])
    return list(texts[: MOST_PARTS + 1])


def _chat(tensors: Sequence[Tensor]) -> list[dict[str, str]]:
    """Return the turns where roles and contents come as two tensors of the same length."""
    named = {tensor.name: tensor.texts or () for tensor in tensors}
    roles, contents = named.get("role", ()), named.get("content", ())
    if not roles or len(roles) != len(contents):
        return []
    return [{"role": role, "content": content} for role, content in zip(roles, contents, strict=True)]


def _unpacked(text: Any) -> Any:
    """Return what was packed into a text: messages, or an object with the answer."""
    if isinstance(text, str) and text[:1] in ("{", "["):
        try:
            return jsontext.loads(text)
        except UnreadableError:
            return text
    return text
