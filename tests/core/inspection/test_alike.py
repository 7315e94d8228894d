"""Which pictures look alike: copies however they were treated, and no others."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance

from mtcli.core.inspection import alike
from mtcli.core.inspection.alike import exactly, nearly
from mtcli.core.inspection.look import PictureLook, look_at_picture
from tests.core.inspection.test_look import as_pixels, clouds


def look(image: Image.Image) -> PictureLook:
    return look_at_picture(as_pixels(image.convert("RGB")))


def compressed(image: Image.Image) -> Image.Image:
    memory = io.BytesIO()
    image.save(memory, "JPEG", quality=30)
    return Image.open(memory)


@pytest.mark.parametrize(
    "treat",
    [
        compressed,
        lambda image: image.resize((64, 48)),
        lambda image: image.resize((300, 200)),
        lambda image: ImageEnhance.Brightness(image).enhance(1.2),
        lambda image: image.crop((2, 2, 126, 94)),
        lambda image: image.convert("L"),
    ],
    ids=["compressed", "half", "larger", "brighter", "cut", "grey"],
)
def test_treated_copies_are_found_among_others(
    treat: Callable[[Image.Image], Image.Image],
) -> None:
    train = [look(clouds(seed)) for seed in range(40)]
    val = [look(treat(clouds(7))), look(clouds(100)), look(treat(clouds(11)))]

    assert nearly(train, val) == {0: 7, 2: 11}


def test_different_pictures_are_not_alike() -> None:
    assert (
        nearly([look(clouds(n)) for n in range(80)], [look(clouds(n)) for n in range(80, 160)])
        == {}
    )


def test_flat_pictures_have_nothing_to_compare() -> None:
    generator = np.random.default_rng(0)
    noise = [generator.integers(100, 104, (3, 64, 64), dtype=np.uint8) for _ in range(30)]
    looks = [look_at_picture(torch.from_numpy(pixels)) for pixels in noise]
    # Even where the hashes of the noise are the same.
    looks = [replace(one, hash=5) for one in looks]

    assert nearly(looks[:15], looks[15:]) == {}


def test_the_same_hash_of_different_pictures_is_looked_at_again() -> None:
    one, other = look(clouds(1)), look(clouds(2))

    assert nearly([one], [replace(other, hash=one.hash)]) == {}


def test_of_two_copies_the_more_alike_is_named() -> None:
    train = [look(clouds(3).crop((2, 2, 126, 94))), look(clouds(3))]

    assert nearly(train, [look(compressed(clouds(3)))]) == {0: 1}


def test_nothing_is_like_nothing() -> None:
    assert nearly([], [look(clouds(1))]) == {}
    assert nearly([look(clouds(1))], []) == {}


def test_pictures_of_another_size_are_not_exactly_the_same() -> None:
    assert exactly(look(clouds(1))) == exactly(look(clouds(1)))
    assert exactly(look(clouds(1))) != exactly(look(clouds(1, (96, 129))))


@pytest.mark.parametrize("new", [True, False])
def test_bits_are_counted_with_any_numpy(new: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not new:
        monkeypatch.delattr(np, "bitwise_count", raising=False)
    words = [0, 1, 2**64 - 1, 0x8000000000000001, 0x0F0F0F0F0F0F0F0F]

    assert alike._set_bits(np.array(words, np.uint64)).tolist() == [0, 1, 64, 2, 32]


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    train, val = [look(clouds(n)) for n in range(20)], [look(clouds(n)) for n in range(15, 30)]
    whole = nearly(train, val)
    monkeypatch.setattr(alike, "BLOCK", 60)

    assert nearly(train, val) == whole == {n: n + 15 for n in range(5)}


def test_many_pictures_take_no_time() -> None:
    """Of 25 million pairs each is compared; that is done in less than a second."""
    first, generator = look(clouds(1)), np.random.default_rng(0)
    hashes = generator.integers(0, 2**63, 10_000).tolist()
    looks = [replace(first, hash=h, thumbnail=generator.bytes(256)) for h in hashes]
    looks[9_000] = looks[4_000]
    began = time.process_time()

    assert nearly(looks[:5_000], looks[5_000:]) == {4_000: 4_000}
    assert time.process_time() - began < 10
