"""`imagenet`: timm's published weights, and what is said when they cannot be had."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import timm
import torch
from safetensors.torch import save_file

from mtcli.core.errors import ConfigError
from mtcli.core.trunks import build_trunk
from mtcli.core.weights import imagenet, imagenet_classes, load_trunk_weights, read_weights

REPOSITORY = "timm/resnet18.a1_in1k"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """A download that finds the whole network's tensors; what it was asked for."""
    asked = []

    def fetch(repository: str, file: str) -> str:
        asked.append((repository, file))
        torch.manual_seed(9)
        save_file(timm.create_model("resnet18", pretrained=False).state_dict(), file)
        return file

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", fetch)
    return asked


def test_the_registry_s_own_weights_fill_the_trunk(hub: list[tuple[str, str]]) -> None:
    trunk = build_trunk("resnet18").module

    report = load_trunk_weights(trunk, "imagenet", "resnet18")

    assert hub == [(REPOSITORY, "model.safetensors")]
    assert report.source == "imagenet"
    assert report.loaded == len(trunk.state_dict())
    assert sorted(report.unused) == ["fc.bias", "fc.weight"]
    published = read_weights("imagenet", "resnet18")
    assert torch.equal(trunk.state_dict()["conv1.weight"], published["conv1.weight"])
    assert published["fc.weight"].shape == (1000, 512)


def test_a_tag_chooses_among_them(hub: list[tuple[str, str]]) -> None:
    read_weights("imagenet", "resnet18.tv_in1k")
    assert hub == [("timm/resnet18.tv_in1k", "model.safetensors")]


def test_a_plain_address_is_downloaded_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = []

    def download(address: str, to: str, progress: bool) -> None:
        asked.append(address)
        torch.save(timm.create_model("resnet18", pretrained=False).state_dict(), to)

    published: Any = timm.get_pretrained_cfg("resnet18")
    published.hf_hub_id = None
    published.url = "https://example.org/r18.pth"
    monkeypatch.setattr(timm, "get_pretrained_cfg", lambda _: published)
    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))

    for _ in range(2):
        load_trunk_weights(build_trunk("resnet18").module, "imagenet", "resnet18")

    assert asked == ["https://example.org/r18.pth"]


@pytest.mark.parametrize(
    "error", [ConnectionError("no route to host"), OSError(), RuntimeError("refused\nmore")]
)
def test_without_a_connection_the_file_and_its_place_are_named(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fetch(published: object) -> Path:
        raise error

    monkeypatch.setattr(imagenet, "fetch", fetch)
    with pytest.raises(ConfigError, match="resnet18 could not be downloaded") as caught:
        load_trunk_weights(build_trunk("resnet18").module, "imagenet", "resnet18")
    assert caught.value.where == huggingface_hub.hf_hub_url(REPOSITORY, "model.safetensors")
    assert caught.value.found in ("no route to host", "OSError", "refused")
    assert caught.value.mend is not None
    assert "model.weights: FILE" in caught.value.mend


@pytest.mark.parametrize(
    ("name", "mend"),
    [
        ("tiny", "model.weights takes a file, a run or package:NAME"),
        ("tests.custom_trunk:SmallTrunk", "model.weights takes a file, a run or package:NAME"),
        ("resnet18.nosuch", "there is: resnet18.a1_in1k, resnet18.a2_in1k"),
        ("efficientnet_b8", "there is: efficientnet_b"),
    ],
)
def test_a_trunk_without_published_weights_is_said(name: str, mend: str) -> None:
    with pytest.raises(ConfigError, match=f"no weights are published for {name}") as caught:
        imagenet.download(name)
    assert caught.value.mend is not None
    assert caught.value.mend.startswith(mend)


def test_the_thousand_classes_have_names_of_their_own() -> None:
    names = imagenet_classes()
    assert len(names) == len(set(names)) == 1000
    assert names[0] == "tench"
    assert names[985] == "daisy"
    assert (names[134], names[517]) == ("crane n02012849", "crane n03126707")
    assert all(name.strip() == name for name in names)
