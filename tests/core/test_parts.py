"""The words for parts of a network."""

from __future__ import annotations

import pytest
import torch

from mtcli.core.blueprint import Architecture, SideTrunk
from mtcli.core.building import build_network
from mtcli.core.errors import ConfigError
from mtcli.core.network import Network
from mtcli.core.parts import Parts, means
from tests.core.transfer.networks import cls, det


@pytest.fixture(scope="module")
def network() -> Network:
    """A main trunk with BatchNorm and a pyramid, one beside it, three heads."""
    torch.manual_seed(0)
    architecture = Architecture(
        "test_resnet",
        16,
        0.0,
        trunks={"side": SideTrunk("tiny")},
        uses={"tag": "side"},
    )
    return build_network(
        architecture, {"cls": cls("ab", head="native"), "det": det("ab"), "tag": cls("ab")}
    )


def roots(names: set[str]) -> set[str]:
    two = ("heads", "trunks", "pyramids")
    return {".".join(name.split(".")[: 2 if name.startswith(two) else 1]) for name in names}


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("all", {"trunk", "pyramid", "trunks.side", "heads.cls", "heads.det", "heads.tag"}),
        ("conv", {"trunk", "pyramid", "trunks.side"}),
        ("trunk", {"trunk"}),
        ("trunks.side", {"trunks.side"}),
        ("trunks", {"trunks.side"}),
        ("heads", {"heads.cls", "heads.det", "heads.tag"}),
        ("heads.cls", {"heads.cls"}),
        ("fc", {"heads.cls", "heads.tag"}),
        ("bn", {"trunk"}),
        ("heads.*.bias", {"heads.cls", "heads.det", "heads.tag"}),
        ("nothing", set()),
        ("trun", set()),
    ],
)
def test_what_a_word_means(network: Network, word: str, found: set[str]) -> None:
    assert roots(Parts(network).matching([word])) == found


def test_fc_is_the_linear_layers_of_heads_and_bn_the_whole_batchnorm(network: Network) -> None:
    parts = Parts(network)
    assert parts.matching(["fc"]) == {
        f"heads.{path}.{tensor}"
        for path in ("cls.fc", "tag.classifier")
        for tensor in ("weight", "bias")
    }
    statistics = {name for name in network.state_dict() if "running_" in name}
    assert statistics
    assert statistics < parts.matching(["bn"])
    assert not any("conv" in name.split(".")[-2] for name in parts.matching(["bn"]))


def test_conv_may_mean_what_was_copied_alone(network: Network) -> None:
    copied = {"trunk.conv1.0.weight", "heads.tag.classifier.bias"}
    copied &= {*network.state_dict()}
    parts = Parts(network, copied)
    assert parts.matching(["conv"], copied_only=True) == copied - {"heads.tag.classifier.bias"}
    assert len(parts.matching(["conv"])) > 10
    assert roots(parts.matching(["trunk"], copied_only=True)) == {"trunk"}
    assert len(parts.matching(["trunk"], copied_only=True)) == len(parts.matching(["trunk"]))


def test_words_add_up(network: Network) -> None:
    parts = Parts(network)
    both = parts.matching(["pyramid", "heads.tag"])
    assert both == parts.matching(["pyramid"]) | parts.matching(["heads.tag"])
    assert parts.matching([]) == set()


def test_a_word_for_nothing_tells_what_there_is(network: Network) -> None:
    with pytest.raises(ConfigError) as error:
        Parts(network).require(["trunk", "heads.clss"], "--copy")
    assert error.value.what == "--copy: nothing of the network is called heads.clss"
    assert error.value.mend == "did you mean heads.cls?"
    assert error.value.expected == (
        "conv, trunk, pyramid, trunks, trunks.side, heads, heads.cls, heads.det, heads.tag, fc, "
        "bn, or a tensor's name"
    )


def test_there_is_no_bn_where_no_trunk_has_one() -> None:
    network = build_network(Architecture("tiny", 16, 0.0), {"cls": cls("ab")})
    with pytest.raises(ConfigError) as error:
        Parts(network).require(["bn"], "train.freeze")
    assert error.value.expected is not None
    assert ", bn" not in error.value.expected
    # Another task of the config may read it; a word that no pyramid has is wrong all the same.
    words = ["pyramid", "pyramid.inner_blocks", "pyramid.*.bias", "pyramid.extra_blocks.p7"]
    Parts(network).require(words, "train.freeze")
    for word in ("pyramids", "pyramid.iner_blocks", "pyramid.p9*"):
        with pytest.raises(ConfigError, match="nothing of the network is called"):
            Parts(network).require([word], "train.freeze")


def test_conv_of_a_fresh_network_is_nothing(network: Network) -> None:
    with pytest.raises(ConfigError, match="conv is what trunk and pyramid started with") as error:
        Parts(network).require(["conv"], "train.freeze", copied_only=True)
    assert error.value.mend == "name the parts outright: trunk, pyramid"


@pytest.mark.parametrize(
    ("word", "tensor", "meant"),
    [
        ("all", "heads.x.weight", True),
        ("conv", "pyramids.side.a.weight", True),
        ("conv", "heads.x.conv.weight", False),
        ("trunk", "trunk.a", True),
        ("trunk", "trunks.side.a", False),
        ("trunk.a", "trunk.ab", False),
        ("trunk.a*", "trunk.ab.weight", True),
        ("fc", "heads.x.fc.weight", False),
    ],
)
def test_words_by_name_alone(word: str, tensor: str, meant: bool) -> None:
    assert means(word, tensor) is meant
