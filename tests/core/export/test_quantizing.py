"""Layers of eight bits: near the numbers they stand for, smaller, and nothing else touched."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
import torch

from mtcli.core.errors import DataError
from mtcli.core.export.pictures import Pictures
from mtcli.core.export.quantizing import quantized

onnx = pytest.importorskip("onnx", reason="the extra [export] is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="the extra [export] is not installed")

CHANNELS = 32


def network(batch: int | str = "N", side: int | str = 16) -> Any:
    """Bytes → conv, clip → conv, relu → conv (the last) → two Adds and a Softmax that decode."""
    random = np.random.default_rng(0)

    def weight(name: str, *shape: int) -> Any:
        values = random.normal(0, 1 / np.sqrt(np.prod(shape[1:])), shape).astype(np.float32)
        return onnx.numpy_helper.from_array(values, name)

    def node(kind: str, inputs: str, output: str, **attributes: Any) -> Any:
        name = f"{kind} {output}"
        return onnx.helper.make_node(kind, inputs.split(), [output], name=name, **attributes)

    def scalar(name: str, value: float) -> Any:
        return onnx.numpy_helper.from_array(np.float32(value), name)

    graph = onnx.helper.make_graph(
        [
            node("Cast", "image", "pixels", to=onnx.TensorProto.FLOAT),
            node("Div", "pixels full", "scaled"),
            node("Transpose", "scaled", "input", perm=[0, 3, 1, 2]),
            node("Conv", "input w0", "c0", pads=[1, 1, 1, 1]),
            node("Clip", "c0 zero six", "a0"),
            node("Conv", "a0 w1 b1", "c1", pads=[1, 1, 1, 1]),
            node("Relu", "c1", "a1"),
            node("Conv", "a1 w2", "c2"),
            node("Add", "c2 six", "shifted"),
            node("Softmax", "shifted", "t/out", axis=1),
        ],
        "net",
        [
            onnx.helper.make_tensor_value_info(
                "image", onnx.TensorProto.UINT8, [batch, side, side, 3]
            )
        ],
        [
            onnx.helper.make_tensor_value_info(
                "t/out", onnx.TensorProto.FLOAT, [batch, 4, side, side]
            )
        ],
        [
            *(scalar("full", 255), scalar("zero", 0), scalar("six", 6)),
            *(weight("w0", CHANNELS, 3, 3, 3), weight("w1", CHANNELS, CHANNELS, 3, 3)),
            *(weight("w2", 4, CHANNELS, 1, 1), weight("b1", CHANNELS)),
        ],
    )
    opset = [onnx.helper.make_opsetid("", 20)]
    return onnx.helper.make_model(graph, opset_imports=opset, ir_version=10)


def pictures(count: int, seed: int = 0) -> Pictures:
    numbers = torch.Generator().manual_seed(seed)
    shape = (count, 16, 16, 3)
    return {"image": torch.randint(0, 256, shape, generator=numbers, dtype=torch.uint8)}


def answers(proto: Any, batch: Pictures) -> Any:
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    return session.run(None, {"image": batch["image"].numpy()})[0]


def kinds(proto: Any) -> list[str]:
    return [node.op_type for node in proto.graph.node]


@pytest.fixture(scope="module")
def coarse() -> Any:
    return quantized(network(), [pictures(6)])


def test_answers_are_near_and_differ(coarse: Any) -> None:
    batch = pictures(5, seed=1)
    fine, found = answers(network(), batch), answers(coarse, batch)
    gap = np.abs(fine - found)
    assert 0 < gap.max() < 0.05
    assert (fine.argmax(1) == found.argmax(1)).mean() > 0.95


def test_weights_are_bytes_with_a_scale_for_each_channel(coarse: Any) -> None:
    held = {tensor.name: tensor for tensor in coarse.graph.initializer}
    for name in ("w0", "w1"):
        assert name not in held
        assert held[f"{name}_quantized"].data_type == onnx.TensorProto.INT8
        assert tuple(held[f"{name}_scale"].dims) == (CHANNELS,)
    assert len(coarse.SerializeToString()) < 0.5 * len(network().SerializeToString())


def test_the_last_layer_and_what_decodes_stay(coarse: Any) -> None:
    tail = kinds(coarse)[-3:]
    assert tail == ["Conv", "Add", "Softmax"]
    last = coarse.graph.node[-3]
    assert last.input[1] == "w2"
    held = {tensor.name: tensor.data_type for tensor in coarse.graph.initializer}
    assert held["w2"] == onnx.TensorProto.FLOAT


def test_activations_become_ranges(coarse: Any) -> None:
    assert not {"Clip", "Relu"}.intersection(kinds(coarse))
    held = {t.name: onnx.numpy_helper.to_array(t) for t in coarse.graph.initializer}
    for name in ("a0", "a1"):
        assert held[f"{name}_zero_point"] == 0  # none of the 256 numbers is below zero


def test_an_activation_that_does_not_stand_alone_stays() -> None:
    proto = network()
    proto.graph.output.append(onnx.helper.make_tensor_value_info("c1", 1, None))
    assert "Relu" in kinds(quantized(proto, [pictures(2)]))


def test_sides_and_versions_stay(coarse: Any) -> None:
    before = network()
    assert list(coarse.graph.input) == list(before.graph.input)
    assert list(coarse.graph.output) == list(before.graph.output)
    assert coarse.ir_version == 10
    assert [(o.domain, o.version) for o in coarse.opset_import] == [("", 20)]
    onnx.checker.check_model(coarse)


def test_neither_order_nor_cut_of_the_pictures_matters(coarse: Any) -> None:
    one = pictures(6)["image"].flip(0)
    turned: Iterable[Pictures] = ({"image": part} for part in (one[:1], one[1:]))
    assert quantized(network(), turned).SerializeToString(deterministic=True) == (
        coarse.SerializeToString(deterministic=True)
    )


def test_a_model_of_one_picture_is_measured_one_by_one() -> None:
    made = quantized(network(batch=1), [pictures(3)])
    assert answers(made, pictures(1)).shape == (1, 4, 16, 16)


def test_pictures_of_another_size_than_was_measured() -> None:
    made = quantized(network(side="S"), [pictures(3)])
    small = {"image": pictures(2)["image"][:, :8, :8].contiguous()}
    assert np.abs(answers(made, small) - answers(network(side="S"), small)).max() < 0.05


def test_the_model_given_is_left_as_it_is_and_nothing_is_said(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    proto = network()
    level = logging.getLogger().level
    quantized(proto, [pictures(2)])
    assert proto == network()
    assert logging.getLogger().level == level
    assert not caplog.records
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("nothing", [[], [pictures(0)]])
def test_no_pictures(nothing: list[Pictures]) -> None:
    with pytest.raises(DataError, match="no picture to measure"):
        quantized(network(), nothing)


def test_numbers_beyond_measure() -> None:
    proto = network()
    weight = next(tensor for tensor in proto.graph.initializer if tensor.name == "w0")
    broken = np.full((CHANNELS, 3, 3, 3), np.nan, np.float32)
    weight.CopyFrom(onnx.numpy_helper.from_array(broken, "w0"))
    with pytest.raises(DataError, match="NaN or infinity"):
        quantized(proto, [pictures(1)])
