"""`imagenet`: the weights that timm's registry publishes for a trunk, downloaded once."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import torch

from mtcli.core.errors import ConfigError, and_more
from mtcli.core.weights.files import Tensors, read_tensors

FILE = "model.safetensors"
"""In a repository that says no other name."""


def download(trunk: str) -> tuple[Tensors, str]:
    """The published weights of a trunk under timm's names, and where they come from.

    A name with a tag (`resnet18.tv_in1k`) means these weights, one without the registry's first
    choice. What was downloaded before is not downloaded again.

    Raises:
        ConfigError: there are none, or they cannot be fetched; the file is named then.
    """
    import timm  # not above: what only names packages needs no registry

    try:
        published = timm.get_pretrained_cfg(trunk)
    except RuntimeError:  # another tag than those there are
        published = None
    if published is None or not (published.hf_hub_id or published.url):
        raise ConfigError(
            f"model.weights: no weights are published for {trunk}",
            mend=_near(trunk) or "model.weights takes a file, a run or package:NAME",
        )
    address = address_of(published)
    try:
        file = fetch(published)
    except Exception as error:  # two libraries, and whatever the network does to them
        raise ConfigError(
            f"model.weights: the weights of {trunk} could not be downloaded",
            where=address,
            found=(str(error) or type(error).__name__).splitlines()[0],
            mend="fetch this file where there is a connection, and name it: model.weights: FILE",
        ) from error
    return read_tensors(file), address


def fetch(published: Any) -> Path:
    """Download the weights that timm's `PretrainedCfg` names, unless they are there."""
    if published.hf_hub_id:
        from huggingface_hub import hf_hub_download

        return Path(hf_hub_download(published.hf_hub_id, published.hf_hub_filename or FILE))
    file = Path(torch.hub.get_dir()) / "checkpoints" / Path(published.url).name
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(published.url, str(file), progress=False)
    return file


def address_of(published: Any) -> str:
    """The page's address of the file that `fetch` downloads."""
    if published.hf_hub_id:
        from huggingface_hub import hf_hub_url

        return hf_hub_url(published.hf_hub_id, published.hf_hub_filename or FILE)
    return str(published.url)


def _near(trunk: str) -> str | None:
    """The tags of the network of nearest name that has weights."""
    import timm

    tagged = timm.list_pretrained()
    names = {name.partition(".")[0] for name in tagged}
    plain = trunk.partition(".")[0]
    near = difflib.get_close_matches(plain, sorted(names), n=1, cutoff=0.8)
    if not near:
        return None
    found = [name for name in tagged if name.partition(".")[0] == near[0]]
    return f"there is: {and_more(found, 5)}"
