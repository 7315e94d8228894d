"""What timm knows of published weights: their tags, licences and sources."""

from __future__ import annotations

import timm
from timm.models import PretrainedCfg, get_arch_pretrained_cfgs

from mtcli.core.inventory.facts import Tag


def tags_of(trunk: str) -> tuple[Tag, ...]:
    """The published weights of a trunk, those that its name alone means first.

    Of a name with a tag, `resnet18.a1_in1k`, that one alone. Empty for a trunk that is not timm's.
    """
    name, _, tag = trunk.partition(".")
    if not timm.is_model(name):
        return ()
    usual = timm.get_pretrained_cfg(trunk)
    found = [
        Tag(known.tag or "", _licence(known), _source(known))
        for known in get_arch_pretrained_cfgs(name).values()
        if known.has_weights and (not tag or known.tag == tag)
    ]
    return tuple(sorted(found, key=lambda each: usual is None or each.tag != usual.tag))


def tagged_names() -> list[str]:
    """Every published weights' name: a trunk's, a dot, and the tag."""
    return timm.list_pretrained()


def _licence(known: PretrainedCfg) -> str | None:
    return None if known.license in (None, "", "unknown") else known.license


def _source(known: PretrainedCfg) -> str:
    source = known.hf_hub_id or known.url or ""
    return source if isinstance(source, str) else source[0]  # else an address and a file's hash
