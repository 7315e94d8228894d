"""The names of ImageNet's thousand classes, for weights whose file does not say them."""

from __future__ import annotations

from collections import Counter
from functools import cache


@cache
def imagenet_classes() -> tuple[str, ...]:
    """The classes of ImageNet-1k in the order of the logits.

    Each by the first of its synonyms; where two classes share it (the crane that flies and the
    one that lifts), by the synset's number behind it too: `crane n02012849`.
    """
    from timm.data.imagenet_info import ImageNetInfo

    info = ImageNetInfo()
    names = [info.index_to_description(index).split(", ")[0] for index in range(1000)]
    shared = Counter(names)
    return tuple(
        name if shared[name] == 1 else f"{name} {info.index_to_label_name(index)}"
        for index, name in enumerate(names)
    )
