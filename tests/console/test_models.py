"""Tables of trunks and networks, at the widths of small terminals."""

from __future__ import annotations

import io
from collections.abc import Generator

import pytest
from rich.console import Console

from mtcli.console.models import (
    EVERY,
    shape_text,
    show_file,
    show_listing,
    show_network,
    show_trunk,
    watch_measuring,
    work,
)
from mtcli.console.output import THEME, Output
from mtcli.core.inventory.facts import (
    FileFacts,
    FilePart,
    Listing,
    Measuring,
    NetworkFacts,
    Part,
    Stage,
    Tag,
    TrunkFacts,
)

TAGS = tuple(
    Tag(f"a{number}_long_name_in1k", licence, f"timm/net.a{number}")
    for number, licence in enumerate(["apache-2.0"] * 5 + [None] + ["cc-by-nc-4.0"] * 2)
)
TRUNK = TrunkFacts(
    "tf_efficientnet_lite0",
    (224, 224),
    3_000_010,
    363_837_152,
    10,
    tuple(Stage(f"c{n}", (8, 56, 56), 2**n, 750_000, 90_000_000) for n in (2, 3, 4, 5)),
    TAGS,
)
STAGE = Part("c2", "", {"": (24, 64, 80)}, ("cls", "det", "seg"), 15_800, 120_000_000, 15_800)
NETWORK = NetworkFacts(
    (256, 320),
    ("cls", "det", "seg"),
    (
        Part("trunk", "resnet18", {}, ("cls", "det", "seg"), 31_600, 120_000_000, 15_800, (STAGE,)),
        Part("heads.cls", "classification", {"": ()}, ("cls",), 1600, 1600, 0),
        Part("heads.det", "detection", {"a": (9, 3), "b": (9, 4)}, ("det", "seg"), 10, 10, 0),
    ),
    33_210,
    120_001_610,
    15_800,
)


def output(width: int) -> tuple[Output, io.StringIO, io.StringIO]:
    out, err = io.StringIO(), io.StringIO()
    result, talk = (Console(theme=THEME, file=f, width=width, highlight=False) for f in (out, err))
    return Output(result, talk), out, err


def listed(width: int) -> tuple[list[str], str]:
    made, out, err = output(width)
    show_listing(made, Listing("x", (224, 224), (TRUNK,), ("a", "b"), 9))
    return out.getvalue().splitlines(), err.getvalue()


@pytest.mark.parametrize("width", [60, 80, 200])
def test_nothing_is_wider_than_the_terminal(width: int) -> None:
    made, out, _ = output(width)
    show_listing(made, Listing(None, (224, 224), (TRUNK,), (), 9))
    show_trunk(made, TRUNK)
    show_network(made, "runs/one", NETWORK)
    assert max(map(len, out.getvalue().splitlines())) <= width
    for number in ("3.0 M", "0.36 G", "0.12 G", "15.8 k", "partly"):
        assert number in out.getvalue()


def test_weights_are_listed_by_licence() -> None:
    lines, said = listed(200)
    assert (
        lines[1]
        .rstrip()
        .endswith("apache-2.0: a0_long_name_in1k, a1_long_name_in1k, a2_long_name_in1k +2")
    )
    assert lines[2].strip() == "unknown licence: a5_long_name_in1k"
    assert lines[3].strip() == "cc-by-nc-4.0: a6_long_name_in1k, a7_long_name_in1k"
    assert "2 left out: no maps c2 … c5" in said
    assert "more by name" not in said


def test_where_there_is_little_room_fewer_weights_are_named() -> None:
    lines, _ = listed(100)
    assert lines[1].rstrip().endswith("apache-2.0: a0_long_name_in1k +4")


def test_a_network_has_a_row_for_each_part_and_output() -> None:
    made, out, _ = output(80)
    show_network(made, "runs/one", NETWORK)
    rows = [" ".join(line.split()) for line in out.getvalue().splitlines()]
    assert rows == [
        "runs/one · pictures of 256 × 320",
        "part gives parameters mult-adds tasks frozen",
        "trunk resnet18 31.6 k 0.12 G all 3 partly",
        "c2 24 × 64 × 80 15.8 k 0.12 G all 3 yes",
        "heads.cls 1 1.6 k 1.6 k cls no",
        "heads.det a 9 × 3 0.0 k 0.0 k det, seg no",
        "b 9 × 4",
        "total 33.2 k 0.12 G partly",
    ]


def test_what_no_map_needs_is_said() -> None:
    made, out, _ = output(80)
    show_trunk(made, TRUNK)
    assert any(line.split() == ["unused", "0.0", "k"] for line in out.getvalue().splitlines())


LISTING = Listing("x", (224, 224), (TRUNK,), (), 9)


def measuring(count: int) -> Generator[Measuring, None, Listing]:
    for done in range(count):
        yield Measuring(done, count, f"net{done}")
    return LISTING


@pytest.mark.parametrize(("quiet", "said"), [(False, ["1/5  net1", "3/5  net3"]), (True, [])])
def test_without_a_terminal_a_line_now_and_then_says_how_far_it_is(
    quiet: bool, said: list[str]
) -> None:
    made, out, err = output(80)
    made = Output(made.result, made.talk, quiet=quiet)
    passed = iter(number * 0.5 * EVERY for number in range(100))
    assert watch_measuring(made, measuring(5), lambda: next(passed)) == LISTING
    assert err.getvalue().splitlines() == [f"measure  {line}" for line in said]
    assert out.getvalue() == ""


@pytest.mark.parametrize(
    ("file", "what", "note"),
    [
        (FileFacts("classifier", (), classes=1000), "a classifier of 1000 classes", True),
        (FileFacts("network", ()), "a network of mtcli, without its model.json", True),
        (
            FileFacts("detector", (), "resnet50", "fcos", "torchvision"),
            "fcos on resnet50, layout torchvision",
            False,
        ),
        (FileFacts(None, ()), "of an unknown network", False),
    ],
)
def test_a_weight_file_says_what_it_is(file: FileFacts, what: str, note: bool) -> None:
    made, out, err = output(120)
    show_file(made, "a.pth", file)
    assert out.getvalue().splitlines()[0] == f"a.pth · {what}"
    assert ("--from a.pth --set model.trunk=NAME" in err.getvalue()) is note


def test_the_parts_of_a_weight_file_add_up() -> None:
    made, out, _ = output(60)
    parts = (FilePart("trunk", 2, 1_200_000), FilePart("heads.det", 10, 50_000))
    show_file(made, "a.pth", FileFacts("network", parts))
    assert [line.split() for line in out.getvalue().splitlines()[2:]] == [
        ["trunk", "2", "1.2", "M"],
        ["heads.det", "10", "50.0", "k"],
        ["total", "12", "1.2", "M"],
    ]


def test_numbers() -> None:
    assert [work(n) for n in (1600, 99_999_999, 100_000_000, 1_813_561_344)] == [
        "1.6 k",
        "100.0 M",
        "0.10 G",
        "1.81 G",
    ]
    assert shape_text((24, 64, 80)) == "24 × 64 × 80"
    assert shape_text(()) == "1"


@pytest.mark.parametrize(
    ("frozen", "until", "said"),
    [
        (10, {}, "yes"),
        (10, {2: 10}, "yes until 2"),
        (10, {2: 4}, "yes, some until 2"),
        (4, {2: 1, 5: 3}, "partly until 2 … 5"),
        (0, {}, "no"),
        (None, {}, "unknown"),
    ],
)
def test_until_when_a_part_is_frozen(frozen: int | None, until: dict[int, int], said: str) -> None:
    part = Part("trunk", "tiny", {}, ("cls",), 10, 10, frozen, until=until)
    made, out, _ = output(80)
    show_network(made, "runs/one", NetworkFacts((64, 64), ("cls",), (part,), 10, 10, frozen, until))
    _, _, *rows = out.getvalue().splitlines()
    assert [row.rstrip().endswith(said) for row in rows] == [True, True]
