"""Rows from logs of accepted production, in every shape that a message may have: for models without training data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from agent.fitting.errors import FitError
from agent.fitting.files import Document
from agent.fitting.rows import Readings, Row, RowFields, read_rows
from agent.fitting.shapes import is_synthetic
from agent.payloads import decode
from agent.records import Exchange
from agent.sources.errors import SourceError
from agent.sources.files import FileSource

if TYPE_CHECKING:
    from agent.fitting.options import FitOptions
    from agent.payloads import DecodeOptions
    from agent.records import Record

MOST_WAITING = 10_000
"""Halves of exchanges that wait for the other one, with their texts."""


def rows_of(paths: Sequence[Path], options: FitOptions, readings: Readings | None = None) -> Iterator[Row]:
    """Yield the rows of training files, or of logs where the options say so; see `read_rows` and `read_logs`."""
    if options.logs is None:
        return read_rows(paths, options.fields, readings)
    return read_logs(paths, options.fields, options.logs, readings)


def read_logs(
    paths: Sequence[Path], fields: RowFields, options: DecodeOptions, readings: Readings | None = None
) -> Iterator[Row]:
    """Yield the exchanges of the logs: in order, but for those that came in halves, which come with the second.

    The group of a row is its session, else its trace: a burst stays together in calibration.

    Parameters
    ----------
    paths : sequence of Path
    fields : RowFields
        Of label and origin, tags of the message (`options.tags`).
    options : DecodeOptions
    readings : Readings, optional
        Counts what is met.

    Raises
    ------
    FitError
        A file cannot be read, or no message in any of them has a prompt.
    """
    readings = readings if readings is not None else Readings()
    waiting: dict[str, Row] = {}
    found = False
    for record in _records(paths, options):
        readings.documents += 1
        for exchange in _exchanges(record, options, readings):
            row = _row(exchange, fields)
            found = found or row.prompt is not None
            if exchange.join_key is None:
                yield row
                continue
            other = waiting.pop(exchange.join_key, None)
            if other is not None and _fit_together(row, other):
                yield _joined(row, other)
                continue
            if other is not None:  # said twice: the first is as good
                yield other
            waiting[exchange.join_key] = row
            if len(waiting) > MOST_WAITING:
                yield waiting.pop(next(iter(waiting)))
    yield from waiting.values()
    if not found:
        raise FitError(f"no prompt in {_names(paths)}: `offmap sniff` says what each message is taken for")


def _records(paths: Sequence[Path], options: DecodeOptions) -> Iterator[Record]:
    try:
        source = FileSource(paths, longest_line=options.max_message_bytes)
        end = False
        while not end:
            records, end = source.poll()
            yield from records
    except SourceError as error:
        raise FitError(str(error)) from None


def _exchanges(record: Record, options: DecodeOptions, readings: Readings) -> Iterator[Exchange]:
    for each in decode(record, options):
        if not isinstance(each, Exchange):
            readings.refuse(Path(record.topic), Document(record.offset + 1, None, each.reason), each.reason)
        elif each.prompt is not None or each.response is not None:
            readings.shapes[each.shape] += 1
            if each.time is not None:
                readings.first_time = min(readings.first_time, each.time)
                readings.last_time = max(readings.last_time, each.time)
            yield each


def _row(exchange: Exchange, fields: RowFields) -> Row:
    tags = dict(exchange.tags or ())
    synthetic = is_synthetic(tags.get(fields.synthetic)) if fields.synthetic else False
    label = tags.get(fields.label) if fields.label else None
    return Row(exchange.prompt, exchange.response, exchange.session or exchange.trace_id, synthetic, label)


def _fit_together(one: Row, other: Row) -> bool:
    return (one.prompt is None) != (other.prompt is None) and (one.response is None) != (other.response is None)


def _joined(one: Row, other: Row) -> Row:
    asked, answered = (one, other) if one.prompt is not None else (other, one)
    group, label = asked.group or answered.group, asked.label or answered.label
    return Row(asked.prompt, answered.response, group, _either(asked.synthetic, answered.synthetic), label)


def _either(one: bool | None, other: bool | None) -> bool | None:
    return other if one is None else one or other or False


def _names(paths: Sequence[Path]) -> str:
    return str(paths[0]) if len(paths) == 1 else f"{len(paths)} files"
