"""Weights between networks whose tasks share more, and those whose tasks share less."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from mtcli.core.blueprint import MAIN, Architecture, SideTrunk
from mtcli.core.building import build_network
from mtcli.core.description import Model
from mtcli.core.errors import ConfigError
from mtcli.core.network import Network
from mtcli.core.sharing import SHARINGS
from mtcli.core.task import AnyTask
from mtcli.core.transfer.levels import by_level
from mtcli.core.transfer.origin import Origin, with_our_names
from mtcli.core.transfer.plan import Plan, make_plan
from mtcli.core.transfer.streams import by_stream
from tests.core.transfer.networks import cls, det

TASKS: dict[str, AnyTask] = {"cls": cls("ab"), "det": det("ab")}
APART = [name for name in SHARINGS.names() if SHARINGS.get(name).apart]
every_apart = pytest.mark.parametrize("sharing", APART)


def network_of(
    sharing: str, tasks: Mapping[str, AnyTask] = TASKS, seed: int = 0, at: str | None = None
) -> Network:
    torch.manual_seed(seed)
    facts = Architecture("tiny", 16, 0.0, sharing=sharing, branch_at=at)
    network = build_network(facts, tasks)
    with torch.no_grad():
        for tensor in network.parameters():
            tensor.copy_(torch.rand_like(tensor) + 0.5)
    return network


def origin_of(
    sharing: str, tasks: Mapping[str, AnyTask] = TASKS, seed: int = 1, at: str | None = None
) -> Origin:
    """What a checkpoint brings; the source tells seeds apart."""
    facts = Architecture("tiny", 16, 0.0, sharing=sharing, branch_at=at)
    return Origin(
        f"run-{seed}",
        {n: t.clone() for n, t in network_of(sharing, tasks, seed, at).state_dict().items()},
        dict.fromkeys(tasks, ("a", "b")),
        {name: task.kind for name, task in tasks.items()},
        Model(facts, tasks, (64, 64), "stretch"),
        streams=frozenset(tasks) if SHARINGS.get(sharing).apart else frozenset(),
    )


def moved(
    network: Network,
    origins: Mapping[str, Origin],
    tasks: Mapping[str, AnyTask] = TASKS,
    names: Mapping[str, str] | None = None,
    words: Sequence[str] = ("all",),
    average: bool = False,
) -> tuple[Plan, dict[str, Tensor]]:
    """The plan for origins by what they were named for, and the network that it fills."""
    kinds = {name: task.kind for name, task in tasks.items()}
    wanted = {*network.state_dict()} if "all" in words else set()
    ready = []
    for key, origin in origins.items():
        task = None if key == "all" else key
        ours = with_our_names(origin, names or {}, kinds, task)
        ready.append(by_level(by_stream(ours, network, wanted, task), network))
    plan = make_plan(network, tasks, ready, words, average=average, trunks={MAIN: "tiny"})
    plan.apply(network)
    return plan, network.state_dict()


def fates(plan: Plan) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in plan.rows:
        found.setdefault(row.fate, set()).add(row.tensor)
    return found


def inner(name: str) -> tuple[str, str]:
    """Whether it is of a trunk, a pyramid or a head, and its name in there."""
    words = name.split(".")
    if words[0] in ("trunks", "pyramids"):
        return words[0][:-1], ".".join(words[2:])
    return words[0], ".".join(words[1:])


def test_the_same_network_stays_as_it_is() -> None:
    for sharing in SHARINGS.names():
        plan, state = moved(network_of(sharing), {"all": origin_of(sharing)})
        assert fates(plan).keys() == {"copied"}
        for name, tensor in origin_of(sharing).tensors.items():
            assert torch.equal(state[name], tensor)


@every_apart
def test_what_was_shared_goes_to_every_task(sharing: str) -> None:
    origin = origin_of("hard")
    plan, state = moved(network_of(sharing), {"all": origin})
    there = {inner(name): tensor for name, tensor in origin.tensors.items()}
    for name, tensor in state.items():
        part, rest = inner(name)
        if part == "sharing":
            assert name in fates(plan)["fresh"]
        else:
            assert torch.equal(tensor, there[part, rest]), name
            assert name in fates(plan)["copied"]
    assert "left" not in fates(plan), "every tensor of the origin was used"


@every_apart
def test_one_task_s_part_becomes_what_all_share(sharing: str) -> None:
    origin = origin_of(sharing)
    plan, state = moved(network_of("hard"), {"det": origin})
    for name, tensor in state.items():
        part, _, rest = name.partition(".")
        if part == "heads":
            assert (name in fates(plan)["copied"]) == rest.startswith("det.")
            continue
        own = origin.tensors.get(f"{part}s.det.{rest}", origin.tensors.get(name))
        assert own is not None
        assert torch.equal(tensor, own), name
    left = fates(plan)["left"]
    assert not any(name.startswith(("trunk.", "trunks.det.", "pyramids.det.")) for name in left)
    others = ("heads.cls.", "trunks.cls.", "sharing.")
    assert left == {name for name in origin.tensors if name.startswith(others)}


def test_of_several_tasks_parts_none_is_preferred() -> None:
    with pytest.raises(ConfigError) as error:
        moved(network_of("hard"), {"all": origin_of("none")})
    assert error.value.what == (
        "each task of the origin has a trunk of its own, and here they share one"
    )
    assert error.value.found == "cls, det"
    # Where heads alone are wanted, nothing is to be decided.
    plan, _ = moved(network_of("hard"), {"all": origin_of("none")}, words=["heads"])
    assert {name.split(".")[0] for name in plan.copied} == {"heads"}
    # A network of one of the tasks leaves no doubt.
    one = {"det": TASKS["det"]}
    plan, state = moved(network_of("hard", one), {"all": origin_of("none")}, one)
    assert fates(plan).keys() == {"copied", "left"}
    name = "stem.0.weight"
    assert torch.equal(state[f"trunk.{name}"], origin_of("none").tensors[f"trunks.det.{name}"])


def test_parts_of_two_tasks_may_be_averaged() -> None:
    origin = origin_of("none")
    both = {"cls": origin, "det": origin}
    with pytest.raises(ConfigError, match="several origins bring trunk"):
        moved(network_of("hard"), both)
    plan, state = moved(network_of("hard"), both, average=True)
    name = "stages.c4.0.0.weight"
    mean = (origin.tensors[f"trunks.cls.{name}"] + origin.tensors[f"trunks.det.{name}"]) / 2
    torch.testing.assert_close(state[f"trunk.{name}"], mean)
    assert "left" not in fates(plan), "what one of them brings is no remainder of the other"


def test_separately_trained_networks_become_one_without_sharing() -> None:
    one, two = ({name: TASKS[name]} for name in ("cls", "det"))
    origins = {"cls": origin_of("hard", one, 1), "det": origin_of("hard", two, 2)}
    plan, state = moved(network_of("none"), origins)
    assert fates(plan).keys() == {"copied"}
    for task, origin in origins.items():
        for name, tensor in origin.tensors.items():
            part, _, rest = name.partition(".")
            ours = name if part == "heads" else f"{part}s.{task}.{rest}"
            assert torch.equal(state[ours], tensor), ours


def test_an_origin_named_for_a_task_fills_no_other_s_own_parts() -> None:
    plan, _ = moved(network_of("none"), {"det": origin_of("none")})
    assert {".".join(name.split(".")[:2]) for name in plan.copied} == {
        "trunks.det",
        "pyramids.det",
        "heads.det",
    }
    left = {".".join(name.split(".")[:2]) for name in fates(plan)["left"]}
    assert left == {"trunks.cls", "heads.cls"}
    why = {row.why for row in plan.rows if row.fate == "left"}
    assert why == {"the origin's own cls: another head was asked for"}


@pytest.mark.parametrize(("there", "here"), [("c2", "c4"), ("c4", "c2")])
def test_a_branch_point_may_move(there: str, here: str) -> None:
    one = {"cls": TASKS["cls"]}
    origin = origin_of("branch", one, at=there)
    plan, state = moved(network_of("branch", one, at=here), {"all": origin}, one)
    assert fates(plan).keys() == {"copied"}
    values = {inner(name): tensor for name, tensor in origin.tensors.items()}
    assert all(torch.equal(tensor, values[inner(name)]) for name, tensor in state.items())


def test_later_branches_need_one_task_to_come_from() -> None:
    with pytest.raises(ConfigError, match="each task of the origin has a trunk of its own"):
        moved(network_of("branch", at="c4"), {"all": origin_of("branch", at="c3")})
    # Earlier ones get copies of what was shared.
    plan, _ = moved(network_of("branch", at="c3"), {"all": origin_of("branch", at="c4")})
    assert fates(plan).keys() == {"copied"}


@pytest.mark.parametrize("sharing", ["branch", "mtan"])
def test_pyramids_find_their_levels(sharing: str) -> None:
    """One that all read begins at the finest map of any task, each task's own at its own."""
    tasks: dict[str, AnyTask] = {
        "fine": det("ab", levels=["p2", "p5"]),
        "coarse": det("ab", levels=["p4", "p5"]),
    }
    origin = origin_of("hard", tasks)
    plan, state = moved(network_of(sharing, tasks), {"all": origin}, tasks)
    block = "layer_blocks.{}.0.weight"
    for number in range(4):
        there = origin.tensors[f"pyramid.{block.format(number)}"]
        assert torch.equal(state[f"pyramids.fine.{block.format(number)}"], there)
        if number >= 2:
            ours = state[f"pyramids.coarse.{block.format(number - 2)}"]
            assert torch.equal(ours, there)
    assert "left" not in fates(plan), "the fine one reads every level"
    # And back, from the coarse one.
    back = origin_of(sharing, tasks)
    plan, state = moved(network_of("hard", tasks), {"coarse": back}, tasks)
    for number in range(2):
        there = back.tensors[f"pyramids.coarse.{block.format(number)}"]
        assert torch.equal(state[f"pyramid.{block.format(number + 2)}"], there)
    assert {f"pyramid.{block.format(number)}" for number in range(2)} <= fates(plan)["fresh"]


@every_apart
def test_a_renamed_task_takes_all_that_is_its_own(sharing: str) -> None:
    here = {"cls": TASKS["cls"], "boxes": TASKS["det"]}
    origin = origin_of(sharing)
    plan, state = moved(network_of(sharing, here), {"all": origin}, here, {"det": "boxes"})
    assert fates(plan).keys() == {"copied"}
    for name, tensor in origin.tensors.items():
        words = ["boxes" if word == "det" else word for word in name.split(".")]
        assert torch.equal(state[".".join(words)], tensor), name


@every_apart
def test_tasks_in_another_order_keep_what_is_theirs(sharing: str) -> None:
    here = {"det": TASKS["det"], "cls": TASKS["cls"]}
    origin = origin_of(sharing)
    plan, state = moved(network_of(sharing, here), {"all": origin}, here)
    assert fates(plan).keys() == {"copied"}
    assert all(torch.equal(state[name], tensor) for name, tensor in origin.tensors.items())


@every_apart
def test_a_new_task_starts_fresh_and_is_called_new(sharing: str) -> None:
    here = {**TASKS, "new": cls("ab")}
    origin = origin_of(sharing)
    plan, state = moved(network_of(sharing, here), {"all": origin}, here)
    assert "left" not in fates(plan)
    assert all(torch.equal(state[name], tensor) for name, tensor in origin.tensors.items())
    for row in plan.rows:
        if row.fate == "fresh" and row.tensor.split(".")[1] == "new":
            assert row.why == "a new task", row.tensor


def test_what_was_left_bears_the_origin_s_own_name() -> None:
    here = {"boxes": TASKS["det"]}
    origin = origin_of("none")
    plan, _ = moved(network_of("none", here), {"all": origin}, here, {"det": "boxes"})
    left = fates(plan)["left"]
    assert left == {n for n in origin.tensors if n.startswith(("trunks.cls.", "heads.cls."))}


def test_another_trunk_is_refused_where_each_task_has_one() -> None:
    network = network_of("none")
    facts = Architecture("test_resnet", 16, 0.0)
    torch.manual_seed(0)
    theirs = build_network(facts, TASKS)
    origin = Origin(
        "there",
        theirs.state_dict(),
        kinds={name: task.kind for name, task in TASKS.items()},
        model=Model(facts, TASKS, (64, 64), "stretch"),
    )
    with pytest.raises(ConfigError, match="another architecture") as error:
        moved(network, {"all": origin})
    assert "--set model.trunk=test_resnet" in (error.value.mend or "")
    torch.manual_seed(0)
    apart = build_network(replace(facts, sharing="none"), TASKS)
    tensors = apart.state_dict()
    model = Model(replace(facts, sharing="none"), TASKS, (64, 64), "stretch")
    back = replace(origin, tensors=tensors, model=model, streams=frozenset(TASKS))
    with pytest.raises(ConfigError, match="another architecture"):
        moved(network_of("hard"), {"det": back})


def test_a_pyramid_that_one_task_alone_has_leaves_no_doubt() -> None:
    origin = origin_of("mtan")
    plan, state = moved(network_of("hard"), {"all": origin})
    assert "fresh" not in fates(plan)
    name = "inner_blocks.0.0.weight"
    assert torch.equal(state[f"pyramid.{name}"], origin.tensors[f"pyramids.det.{name}"])
    assert all(name.startswith("sharing.") for name in fates(plan)["left"])


def test_a_cousin_s_trunk_is_refused_by_its_name() -> None:
    torch.manual_seed(0)
    tasks: dict[str, AnyTask] = {"cls": cls("ab")}
    ours = build_network(Architecture("resnet34", 16, 0.0, sharing="none"), tasks)
    facts = Architecture("resnet18", 16, 0.0)
    theirs = build_network(facts, tasks).state_dict()
    model = Model(facts, tasks, (64, 64), "stretch")
    origin = Origin("there", theirs, kinds={"cls": "classification"}, model=model)
    ready = by_stream(origin, ours, {*ours.state_dict()})
    with pytest.raises(ConfigError, match="another architecture") as error:
        make_plan(ours, tasks, [ready], trunks={MAIN: "resnet34"})
    assert "--set model.trunk=resnet18" in (error.value.mend or "")


def test_a_picture_s_kernel_is_bent_where_it_is_and_nowhere_else() -> None:
    """The first kernel of a task's late layers is none that sees the picture."""
    network = network_of("branch")
    origin = origin_of("hard")
    first, late = "trunk.stem.0.weight", "trunk.stages.c5.0.0.weight"
    tensors = dict(origin.tensors)
    tensors[first] = tensors[first][:, :1]
    tensors[late] = tensors[late][:, :1]
    plan, _ = moved(network, {"all": replace(origin, tensors=tensors)})
    assert fates(plan)["adapted"] == {first}
    assert {f"trunks.{task}.stages.c5.0.0.weight" for task in TASKS} <= fates(plan)["fresh"]


def test_a_trunk_beside_is_no_stream() -> None:
    facts = Architecture(
        "tiny", 16, 0.0, trunks={"side": SideTrunk("tiny")}, uses={"cls": "side"}, sharing="none"
    )
    torch.manual_seed(0)
    network = build_network(facts, TASKS)
    origin = origin_of("hard")
    ready = by_stream(origin, network, {*network.state_dict()})
    names = {name.split(".")[0] + "." + name.split(".")[1] for name in ready.tensors}
    assert "trunks.det" in names
    assert not {"trunks.side", "trunks.cls"} & names


@every_apart
def test_a_task_that_was_chosen_alone_passes_strict(sharing: str) -> None:
    here = {"det": TASKS["det"]}
    network, origin = network_of(sharing, here), origin_of(sharing)
    ready = by_stream(origin, network, {*network.state_dict()})
    plan = make_plan(network, here, [by_level(ready, network)], chosen=["det"])
    plan.require_all()
    assert "fresh" not in fates(plan)
