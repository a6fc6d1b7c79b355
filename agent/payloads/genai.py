"""What the attributes and events of a span or log record say of a text generation, in every convention's generation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agent.payloads.context import Context, Outcome
from agent.payloads.fields import count, first, mapping, name, number
from agent.payloads.genai_text import Event, answer_of, question_of
from agent.payloads.halves import answered, asked, pair, unpack
from agent.records import Exchange, Rejected, Score

EVALUATION = "gen_ai.evaluation.result"
_TURNS = frozenset({"gen_ai.system.message", "gen_ai.user.message", "gen_ai.assistant.message", "gen_ai.tool.message"})
_TURNS |= {"gen_ai.choice"}
_GENERATIONS = frozenset(
    {"chat", "text_completion", "generate_content", "completion", "generation", "llm", "invoke_model"}
)
_KINDS = ("gen_ai.operation.name", "langfuse.observation.type", "openinference.span.kind", "llm.request.type")
_ASKED = ("gen_ai.request.model", "langfuse.observation.model.name", "llm.request.model")
_SERVED = ("gen_ai.response.model", "llm.model_name", "langfuse.observation.model.name", "llm.response.model")
_SESSIONS = ("gen_ai.conversation.id", "session.id", "gen_ai.user", "llm.user", "user.id")
_INPUTS = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt")
_OUTPUTS = ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.token_count.completion")
_ERRORS = ("error.type", "gen_ai.error.type")
_FINISHES = ("gen_ai.response.finish_reasons", "llm.finish_reason")
_ID, _USAGE = "gen_ai.response.id", "langfuse.observation.usage_details"
_DESCRIBING = frozenset({_ID, _USAGE, *_FINISHES, *_ASKED, *_SERVED, *_SESSIONS, *_INPUTS, *_OUTPUTS, *_ERRORS})


def is_turn(event: str) -> bool:
    """Say whether an event is one turn of a conversation, logged by itself (conventions 1.28 to 1.36)."""
    return event in _TURNS


def read(attributes: dict[str, Any], events: Sequence[Event], context: Context) -> list[Outcome]:
    """Read one span or log record, or the turns of one call that were logged apart.

    Parameters
    ----------
    attributes : dict
        The span's or the log record's.
    events : sequence of (str, dict)
        Names and attributes of the events.
    """
    for title, values in events:
        if title == EVALUATION:
            return [_evaluated(attributes | values)]
    kind = name(first(attributes, _KINDS))
    if kind is not None and kind.lower() not in _GENERATIONS:
        return [Rejected("not_llm")]
    question, answer = question_of(attributes, events), answer_of(attributes, events)
    if question is None and answer is None:
        ours = any(title.startswith("gen_ai.") for title, _ in events)
        return [Rejected("unrecognised" if ours else "no_content" if kind is not None else "not_llm")]
    system = unpack(attributes.get("gen_ai.system_instructions"))
    if isinstance(system, list) and context.options.which == "all":
        turns = unpack(question)
        question = [{"role": "system", "parts": system}, *(turns if isinstance(turns, list) else [turns])]
    prompts = [] if question is None else asked(question, context)
    answers = [] if answer is None else answered(answer, context)
    found = [_described(each, attributes) for each in pair(prompts, answers)]
    single = bool(events) and all(is_turn(title) for title, _ in events)  # the other half may be in another message
    failed = first(attributes, _ERRORS) is not None
    if (prompts or (single and question is None)) and (answers or failed or (single and answer is None)):
        return found
    return [*found, Rejected("unrecognised")]


def _described(outcome: Outcome, attributes: dict[str, Any]) -> Outcome:
    if isinstance(outcome, Rejected) or _DESCRIBING.isdisjoint(attributes):
        return outcome
    reasons = unpack(first(attributes, _FINISHES))
    usage = mapping(unpack(attributes.get(_USAGE)))
    return outcome._replace(
        id=name(attributes.get(_ID)) or outcome.id,
        model=name(first(attributes, _SERVED)) or outcome.model,
        model_asked=name(first(attributes, _ASKED)) or outcome.model_asked,
        finish_reason=name(reasons[0] if isinstance(reasons, list) and reasons else reasons) or outcome.finish_reason,
        error=name(first(attributes, _ERRORS)),
        session=name(first(attributes, _SESSIONS)) or outcome.session,
        prompt_tokens=_tokens(attributes, _INPUTS, usage.get("input"), outcome.prompt_tokens),
        completion_tokens=_tokens(attributes, _OUTPUTS, usage.get("output"), outcome.completion_tokens),
    )


def _tokens(attributes: dict[str, Any], fields: tuple[str, ...], detail: Any, known: int | None) -> int | None:
    found = count(first(attributes, fields))
    return found if found is not None else known if detail is None else count(detail)


def _evaluated(attributes: dict[str, Any]) -> Outcome:
    """Read ``gen_ai.evaluation.result``: a verdict on an earlier response."""
    title = name(attributes.get("gen_ai.evaluation.name"))
    value = number(first(attributes, ("gen_ai.evaluation.score.value", "gen_ai.evaluation.score")))
    label = name(attributes.get("gen_ai.evaluation.score.label"))
    if title is None or (value is None and label is None):
        return Rejected("unrecognised")
    judge = name(first(attributes, ("gen_ai.evaluation.model", "gen_ai.request.model")))
    return Exchange(id=name(attributes.get("gen_ai.response.id")), scores=(Score(title, value, label, judge),))
