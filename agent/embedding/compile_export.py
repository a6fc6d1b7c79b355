"""From the torch module to one ONNX file, and from that to its int8 form."""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import onnx
import onnxruntime.quantization
import torch
from torch.export import Dim

OPSET = 18
QUANTISATION = "dynamic-int8-per-channel"


class _Tapped(torch.nn.Module):
    """Word pieces of one unpadded chunk → unit vectors of the tapped layers, the last pooled as the model pools.

    And the states of its word pieces at the deepest inner tap, as they are: they are computed anyway, so that this
    output costs nothing where nobody fetches it.
    """

    def __init__(self, transformer: torch.nn.Module, taps: tuple[int, ...], pooling: str) -> None:
        super().__init__()
        self.transformer = transformer
        self.taps = taps
        self.pooling = pooling

    def forward(self, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        states = self.transformer(
            input_ids=ids, attention_mask=torch.ones_like(ids), output_hidden_states=True, return_dict=True
        )
        last = states.last_hidden_state
        ends = {"mean": last.mean(1), "cls": last[:, 0], "last_token": last[:, -1]}
        pooled = [states.hidden_states[tap].mean(1) for tap in self.taps[:-1]] + [ends[self.pooling]]
        layers = torch.stack([torch.nn.functional.normalize(layer, dim=-1) for layer in pooled], dim=1)
        return layers, states.hidden_states[self.taps[max(0, len(self.taps) - 2)]]


def export(transformer: torch.nn.Module, taps: tuple[int, ...], pooling: str, longest: int) -> bytes:
    """Return the fp32 graph: `ids` (1, t) int64 → `layers` (1, L, d) and `states` (1, t, d) float32.

    There is no mask, because production never pads: one chunk a run.

    Parameters
    ----------
    transformer : torch.nn.Module
        A Hugging Face encoder or decoder with eager attention.
    taps : tuple of int
        Layers to return; the last is the model's last.
    pooling : str
        One of `agent.embedding.spec.POOLINGS`.
    longest : int
        Word pieces in a chunk at most.
    """
    module = _Tapped(transformer, taps, pooling).eval()
    example = torch.arange(7).reshape(1, 7)
    with tempfile.TemporaryDirectory() as folder, torch.no_grad(), _quiet_export():
        path = Path(folder) / "model.onnx"
        torch.onnx.export(
            module, (example,), path, dynamo=True, external_data=False, opset_version=OPSET, verbose=False,
            dynamic_shapes=({1: Dim("tokens", min=2, max=longest)},), input_names=["ids"],
            output_names=["layers", "states"],
        )  # fmt: skip
        return _stripped(onnx.load(path))


def quantise(model: bytes, *, reduce_range: bool) -> bytes:
    """Return the graph with int8 weights (a scale per output channel) and activations quantised as they come."""
    with tempfile.TemporaryDirectory() as folder, _quiet_quantisation():
        path = Path(folder) / "int8.onnx"
        onnxruntime.quantization.quantize_dynamic(
            onnx.load_from_string(model), path, per_channel=True, reduce_range=reduce_range
        )
        small: bytes = path.read_bytes()
        return small


def _stripped(model: onnx.ModelProto) -> bytes:
    """Drop the exporter's notes: stack traces with this machine's paths, which would also make the bytes differ."""
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    model.graph.doc_string = model.doc_string = ""
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in [*model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer]:
        del value.metadata_props[:]
        value.doc_string = ""
    stripped: bytes = model.SerializeToString(deterministic=True)
    return stripped


@contextmanager
def _quiet_export() -> Iterator[None]:
    """Silence what the exporter always says: torchvision is not needed, and a deprecation inside torch itself."""
    logger = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)` is deprecated", FutureWarning)
            yield
    finally:
        logger.setLevel(level)


@contextmanager
def _quiet_quantisation() -> Iterator[None]:
    """Silence the advice to preprocess, which is meant for image models and is logged through the root logger."""
    root = logging.getLogger()

    def wanted(record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith("Please consider to run pre-processing")

    root.addFilter(wanted)
    try:
        yield
    finally:
        root.removeFilter(wanted)
