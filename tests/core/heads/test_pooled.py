"""The pooled head: a mean over the picture, a layer or two, worked by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mtcli.core.errors import ConfigError
from mtcli.core.features import FeatureSpec
from mtcli.core.heads.classrows import class_rows
from mtcli.core.heads.pooled import PooledHead
from mtcli.core.tasks.classification import ClassificationOptions
from tests.conftest import DEVICE
from tests.core.transfer.networks import cls

MAPS = {"c5": torch.tensor([[[[1.0, 3.0]], [[0.0, -2.0]]]], device=DEVICE)}
"""One picture whose two channels have the means 2 and -1."""


def head(hidden: int | None) -> PooledHead:
    """Layers of ones without biases, but for the hidden layer's second row, which is minus one."""
    built = PooledHead(2, 3, 0.0, hidden=hidden).to(DEVICE)
    with torch.no_grad():
        for parameter in built.parameters():
            parameter.fill_(float(parameter.ndim > 1))
        if built.hidden is not None:
            built.hidden.weight[1] = -1
    return built


def test_without_a_hidden_layer_the_outputs_are_of_the_means() -> None:
    assert head(None)(MAPS).tolist() == [[1.0, 1.0, 1.0]]
    assert {*head(None).state_dict()} == {"classifier.weight", "classifier.bias"}


def test_a_hidden_layer_is_rectified() -> None:
    # The means 2 and -1 give 1 and -1, of which the second is cut off.
    assert head(2)(MAPS).tolist() == [[1.0, 1.0, 1.0]]
    with torch.no_grad():
        deep = head(2)
        assert deep.hidden is not None
        deep.hidden.weight[0] = -1
    assert deep(MAPS).tolist() == [[0.0, 0.0, 0.0]]


def test_only_the_outputs_have_rows_for_classes() -> None:
    assert {*class_rows(head(4))} == {"classifier.weight", "classifier.bias"}


def test_dropout_is_behind_the_hidden_layer() -> None:
    deep = PooledHead(2, 1, 0.5, hidden=1000).to(DEVICE)
    with torch.no_grad():
        for parameter in deep.parameters():
            parameter.fill_(float(parameter.ndim > 1))
    # A thousand ones of which half remain, doubled; before the layer two numbers would be left.
    assert 800 < deep.train()(MAPS).item() < 1200


def test_a_task_is_built_with_the_width_that_it_says() -> None:
    built = cls("ab", hidden=8).head({"c5": FeatureSpec(16, 32)})
    assert isinstance(built, PooledHead)
    assert isinstance(built.hidden, nn.Linear)
    assert tuple(built.hidden.weight.shape) == (8, 16)


def test_the_trunk_s_own_classifier_has_no_hidden_layer() -> None:
    with pytest.raises(ValueError, match="beside head: native"):
        ClassificationOptions.model_validate({"head": "native", "hidden": 8})
    with pytest.raises(ConfigError, match="head: native"):
        cls("ab", head="native").head({"c5": FeatureSpec(16, 32)})
