"""Every registered way of sharing keeps its promises; a new one is tested without being named."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from mtcli.core.architecture import trunk_rates, trunks_of
from mtcli.core.assembly import assemble
from mtcli.core.blueprint import MAIN, Architecture, SideTrunk
from mtcli.core.building import build_network
from mtcli.core.checkpoint import load_model, load_network, save_checkpoint
from mtcli.core.config import TrainConfig
from mtcli.core.configfile import load_config
from mtcli.core.data.geometry import resize_rule
from mtcli.core.data.sample import Batch
from mtcli.core.description import Model
from mtcli.core.features import level_stride
from mtcli.core.freezing import Freeze, freeze
from mtcli.core.losses import add_gradients
from mtcli.core.network import Network
from mtcli.core.optimization import build_optimizer, rate_factors
from mtcli.core.parts import Parts
from mtcli.core.runtime import Runtime
from mtcli.core.sharing import SHARINGS
from mtcli.core.sizing import check_size
from mtcli.core.task import AnyTask
from mtcli.core.training_state import TrainingState
from mtcli.core.trunks import build_trunk
from tests.conftest import DEVICE, Cli
from tests.core.transfer.networks import cls, det
from tests.recipes.test_resume import assert_equal, final_state, terminate_at

# Two tasks read a pyramid, `far` has a trunk beside; `type` is a name that modules refuse.
TASKS: dict[str, AnyTask] = {
    "cls": cls("abc"),
    "det": det("ab"),
    "type": det("ab"),
    "far": cls("abc"),
}
APART = ("cls", "det", "type")
RUNTIME = Runtime(DEVICE, "fp32")
SIZE = (64, 64)
ROWS = 4

every_sharing = pytest.mark.parametrize("sharing", SHARINGS.names())


def architecture(sharing: str, trunk: str = "tiny") -> Architecture:
    return Architecture(
        trunk,
        16,
        0.0,
        trunks={"side": SideTrunk("tiny")},
        uses={"far": "side"},
        sharing=sharing,
    )


def build(sharing: str, tasks: Mapping[str, AnyTask] = TASKS, trunk: str = "tiny") -> Network:
    torch.manual_seed(1)
    return RUNTIME.place(build_network(architecture(sharing, trunk), tasks))


def batch(tasks: Mapping[str, AnyTask] = TASKS, size: tuple[int, int] = SIZE) -> Batch:
    """Random pictures, each with a label of every task."""
    generator = torch.Generator().manual_seed(2)
    pictures = torch.randint(0, 256, (ROWS, 3, *size), dtype=torch.uint8, generator=generator)
    targets = {}
    for name, task in tasks.items():
        read = [task.read(task.example(generator, size), size) for _ in range(ROWS)]
        targets[name] = task.collate([target for target in read if target is not None], size)
    return Batch(
        {"image": pictures},
        {name: torch.arange(ROWS) for name in tasks},
        targets,
        tuple("abcd"),
        (resize_rule("stretch", size, size),) * ROWS,
    ).to(DEVICE)


def learn(
    network: Network, given: Batch, tasks: Mapping[str, AnyTask] = TASKS
) -> dict[str, Tensor]:
    """The gradients of a batch's labels; gives the losses."""
    scaler = torch.amp.GradScaler(DEVICE.type, enabled=False)
    return add_gradients(network, tasks, dict.fromkeys(tasks, 1.0), [given], RUNTIME, scaler)


def only(given: Batch, task: str) -> Batch:
    return Batch(
        given.inputs,
        {task: given.rows[task]},
        {task: given.targets[task]},
        given.keys,
        given.resizes,
    )


def answers(network: Network, given: Batch) -> dict[str, Any]:
    with torch.inference_mode():
        found: dict[str, Any] = network.eval()(given.inputs)
    return found


def exported(answer: Any, task: str) -> list[Tensor]:
    return [*TASKS[task].export_raw(answer[task]).values()]


# --- Maps ----------------------------------------------------------------------------------------


@every_sharing
@pytest.mark.parametrize("size", [(64, 64), (64, 96)])
def test_every_task_gets_the_maps_that_it_reads(sharing: str, size: tuple[int, int]) -> None:
    network = build(sharing)
    with torch.no_grad():
        features = network.encode(batch(size=size).inputs)
    assert features.keys() == TASKS.keys()
    for task, maps in features.items():
        assert tuple(maps) == TASKS[task].levels
        for level, feature in maps.items():
            stride = level_stride(level)
            channels = 128 if level == "c5" else 16
            assert feature.shape == (ROWS, channels, size[0] // stride, size[1] // stride)
            assert feature.isfinite().all()
    check_size(network.cpu(), architecture(sharing), size)


@every_sharing
def test_names_tell_whose_a_tensor_is(sharing: str) -> None:
    network = build(sharing)
    for task, paths in network.needed_by_one().items():
        for path in paths:
            assert task in path.split(".") or path.split(".")[1] == "side"
    known = ("trunk", "trunks", "pyramid", "pyramids", "sharing", "heads")
    assert {name.split(".")[0] for name in network.state_dict()} <= {*known}


@every_sharing
def test_a_task_s_answers_do_not_depend_on_who_else_is_asked(sharing: str) -> None:
    network, given = build(sharing).eval(), batch()
    whole = answers(network, given)
    rows = {"det": torch.tensor([1, 3], device=DEVICE), "cls": torch.tensor([], dtype=torch.long)}
    with torch.inference_mode():
        some = network(given.inputs, rows)
    assert set(some) == {"det"}
    for part, all_of_it in zip(exported(some, "det"), exported(whole, "det"), strict=True):
        torch.testing.assert_close(part, all_of_it[[1, 3]], rtol=1e-4, atol=1e-5)


@every_sharing
def test_a_copy_runs_its_own_modules(sharing: str) -> None:
    network, given = build(sharing), batch()
    before = answers(network, given)
    twin = copy.deepcopy(network)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    for task in TASKS:
        for one, other in zip(
            exported(before, task), exported(answers(twin, given), task), strict=True
        ):
            assert torch.equal(one, other)


@every_sharing
def test_bf16_keeps_its_format_up_to_the_heads(sharing: str) -> None:
    formats = {}
    for way in ("hard", sharing):
        network, given = build(way, trunk="test_resnet"), batch()
        with torch.autocast(DEVICE.type, dtype=torch.bfloat16):
            features = network.encode(given.inputs)
        formats[way] = {
            (task, level): feature.dtype
            for task, maps in features.items()
            for level, feature in maps.items()
        }
        assert all(f.isfinite().all() for maps in features.values() for f in maps.values())
    assert {*formats["hard"].values()} == {torch.bfloat16}
    assert formats[sharing] == formats["hard"]


# --- Gradients -----------------------------------------------------------------------------------


@every_sharing
def test_gradients_reach_what_they_should_and_nothing_else(sharing: str) -> None:
    """What is a task's own is reached by its loss alone; all else by several tasks' losses."""
    network, given = build(sharing).train(), batch()
    reached: dict[str, set[str]] = {name: set() for name, _ in network.named_parameters()}
    for task in TASKS:
        network.zero_grad(set_to_none=True)
        learn(network, only(given, task))
        for name, parameter in network.named_parameters():
            if parameter.grad is not None:
                assert parameter.grad.isfinite().all()
                reached[name].add(task)
    own = {
        name: task
        for task, paths in network.needed_by_one().items()
        for name in reached
        if name.startswith(tuple(f"{path}." for path in paths))
    }
    for name, tasks in reached.items():
        if name in own:
            assert tasks == {own[name]}, name
        else:
            assert len(tasks) > 1, name
            assert "far" not in tasks


@every_sharing
def test_gradients_of_several_tasks_add_up(sharing: str) -> None:
    network, given = build(sharing).train(), batch()
    for task in TASKS:
        learn(network, only(given, task))
    apart = {name: p.grad for name, p in network.named_parameters()}
    again = build(sharing).train()
    learn(again, given)
    for name, parameter in again.named_parameters():
        torch.testing.assert_close(parameter.grad, apart[name], rtol=1e-3, atol=1e-5)


@every_sharing
def test_one_batch_is_learnt_by_heart(sharing: str) -> None:
    tasks: dict[str, AnyTask] = {"one": cls("abc"), "two": cls("abc")}
    network, given = build(sharing, tasks).train(), batch(tasks, (32, 32))
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    for _ in range(40):
        losses = learn(network, given, tasks)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    assert all(float(loss) < 0.1 for loss in losses.values()), losses


# --- Weights -------------------------------------------------------------------------------------


@every_sharing
def test_what_was_saved_comes_back_bit_for_bit(sharing: str, tmp_path: Path) -> None:
    network, given = build(sharing).cpu(), batch()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.01 * torch.randn_like(parameter))
    model = Model(architecture(sharing), TASKS, SIZE, "stretch")
    name = save_checkpoint(tmp_path, 1, model, network, {}, {})
    found, _ = load_model(tmp_path / name)
    assert found.architecture == model.architecture
    again = load_network(tmp_path / name, found)
    before, after = (answers(RUNTIME.place(one), given) for one in (network, again))
    for task in TASKS:
        for one, other in zip(exported(before, task), exported(after, task), strict=True):
            assert torch.equal(one, other)


@every_sharing
def test_weights_follow_from_torch_s_generator(sharing: str) -> None:
    first, again = (build(sharing).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    torch.manual_seed(5)
    other = RUNTIME.place(build_network(architecture(sharing), TASKS)).state_dict()
    assert any(not torch.equal(first[name], other[name]) for name in first)


def words_of(network: Network) -> list[str]:
    """The words for its parts, beside those that hold heads."""
    every = ["conv", "trunk", "trunks", "pyramid", "pyramids", "sharing"]
    every += [f"{part}.{task}" for part in ("trunks", "pyramids", "sharing") for task in TASKS]
    return [word for word in every if Parts(network).matching([word])]


@every_sharing
def test_every_part_can_be_frozen_by_its_name(sharing: str) -> None:
    given = batch()
    for word in words_of(build(sharing)):
        network = build(sharing).train()
        copied = [*network.state_dict()]
        held = Parts(network, copied).matching([word], copied_only=True)
        freeze(network, Freeze([word]), copied)
        before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        learn(network, given)
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
        optimizer.step()
        for name, parameter in network.named_parameters():
            assert (parameter.grad is None) == (name in held), (word, name)
        for name, tensor in network.state_dict().items():
            assert name not in held or torch.equal(tensor, before[name]), (word, name)


@every_sharing
@pytest.mark.parametrize("trunk", ["tiny", "resnet18"])
def test_rates_fall_from_layer_to_layer_as_in_the_whole_trunk(sharing: str, trunk: str) -> None:
    """Also where early layers are shared and late ones are not."""
    whole = build("hard", trunk=trunk)
    wanted = rate_factors(whole, {MAIN: 0.5}, decay=0.5)
    network = build(sharing, trunk=trunk)
    keys = [key for key, root in network.parts.items() if root == MAIN]
    factors = rate_factors(network, dict.fromkeys(keys, 0.5), decay=0.5)
    assert factors
    for name, factor in factors.items():
        inner = name.removeprefix("trunk.")
        inner = inner.split(".", 2)[2] if inner.startswith("trunks.") else inner
        assert factor == wanted[f"trunk.{inner}"], name


@pytest.fixture
def filled(shapes: Path, tmp_path: Path) -> Path:
    """The shapes' config with a file of tiny's weights."""
    torch.manual_seed(9)
    save_file(build_trunk("tiny").module.state_dict(), tmp_path / "tiny.safetensors")
    path = shapes / "mtcli.yaml"
    weights = tmp_path / "tiny.safetensors"
    path.write_text(
        path.read_text().replace("{trunk: tiny,", f"{{trunk: tiny, weights: {weights},")
    )
    return path


@every_sharing
def test_published_weights_fill_every_part(sharing: str, filled: Path) -> None:
    torch.manual_seed(9)
    wanted = build_trunk("tiny").module.state_dict()
    config = load_config(filled, [f"model.sharing={sharing}"])
    assembly = assemble(config)
    state = assembly.network.state_dict()
    seen = set()
    for name in state:
        part, _, inner = name.partition(".")
        inner = inner.partition(".")[2] if part == "trunks" else inner
        if part in ("trunk", "trunks"):
            assert torch.equal(state[name], wanted[inner]), name
            assert name in assembly.copied
            seen.add(inner)
        else:
            assert name not in assembly.copied
    assert seen == {*wanted}
    rates = trunk_rates(
        config.train,
        trunks_of(config.model, config.tasks),
        assembly.network.parts,
        assembly.copied,
    )
    assert {*rates.values()} == {config.train.pretrained_lr}
    optimizer = build_optimizer(assembly.network, config.train, rates)
    factor = {id(p): g["lr_factor"] for g in optimizer.param_groups for p in g["params"]}
    for name, parameter in assembly.network.named_parameters():
        of_trunks = name.startswith(("trunk.", "trunks."))
        assert factor[id(parameter)] == (config.train.pretrained_lr if of_trunks else 1.0), name


@every_sharing
@pytest.mark.slow
def test_weights_of_a_package_fill_every_part(sharing: str, shapes: Path) -> None:
    """Their names are others, and only their order tells which is which."""
    sets = ["model.trunk=tf_efficientnet_lite0", "model.weights='package:efficientnet-lite0'"]
    every = []
    for way in ("hard", sharing):
        config = load_config(shapes / "mtcli.yaml", [*sets, f"model.sharing={way}"])
        every.append(assemble(config).network.state_dict())
    plain, state = every
    for name, tensor in state.items():
        part, _, inner = name.partition(".")
        inner = inner.partition(".")[2] if part == "trunks" else inner
        if part in ("trunk", "trunks"):
            assert torch.equal(tensor, plain[f"trunk.{inner}"]), name


@every_sharing
@pytest.mark.slow
def test_a_stopped_training_goes_on_as_if_it_had_not(
    cli: Cli, shapes: Path, monkeypatch: pytest.MonkeyPatch, sharing: str
) -> None:
    sets = [f"model.sharing={sharing}", "train.epochs=2", "train.batch_size=2", "train.ema=0.9"]
    words = [word for change in sets for word in ("--set", change)]
    words = ["train", str(shapes / "mtcli.yaml"), "--quiet", *words]
    with monkeypatch.context() as patched:
        terminate_at(patched, 6)
        assert cli(*words, "--name", "stopped").code == 143
    resumed = cli("train", "--resume", "runs/stopped", "--quiet")
    assert resumed.code == 0, resumed.err
    assert cli(*words, "--name", "whole").code == 0
    assert_equal(final_state(Path("runs/stopped")), final_state(Path("runs/whole")))
    assert cli("eval", "runs/whole", "--quiet").code == 0


# --- What is not shared --------------------------------------------------------------------------


def test_none_is_networks_that_learn_apart() -> None:
    """With the same first weights, no dropout, and no clipping by the norm of all gradients."""
    tasks = {name: TASKS[name] for name in APART}
    joined, given = build("none", tasks), batch(tasks)
    apart = {}
    for name, task in tasks.items():
        alone = build("hard", {name: task})
        state = joined.state_dict()
        for tensor, value in alone.state_dict().items():
            part, _, inner = tensor.partition(".")
            source = tensor if part == "heads" else f"{part}s.{name}.{inner}"
            value.copy_(state[source])
        apart[name] = alone
    settings = TrainConfig(clip=None, ema=0.9, lr=0.01)

    def trained(network: Network, own: Mapping[str, AnyTask], way: str) -> Mapping[str, Tensor]:
        model = Model(architecture(way), own, SIZE, "stretch")
        rates = dict.fromkeys(network.parts, 0.5)
        state = TrainingState(network.train(), model, settings, rates, (), RUNTIME, "")
        for _ in range(5):
            some = [only(given, name) for name in own]
            losses: dict[str, Tensor] = {}
            for one in some:
                losses |= learn(network, one, tasks)
            state.update()
        assert losses.keys() == own.keys()
        return {
            **network.state_dict(),
            **{f"ema.{n}": t for n, t in state.judged.state_dict().items()},
        }

    together = trained(joined, tasks, "none")
    moved = 0
    for name, task in tasks.items():
        start = build("hard", {name: task}).state_dict()
        for tensor, value in trained(apart[name], {name: task}, "hard").items():
            prefix = "ema." if tensor.startswith("ema.") else ""
            part, _, inner = tensor.removeprefix(prefix).partition(".")
            source = f"{part}.{inner}" if part == "heads" else f"{part}s.{name}.{inner}"
            torch.testing.assert_close(value, together[f"{prefix}{source}"], rtol=0, atol=1e-6)
            moved += not prefix and not torch.equal(value, start[tensor])
    assert moved > 50
