"""What is cached of which trunk, and whether there is room for it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from mtcli.core.assembly import assemble
from mtcli.core.caching import FeatureCache
from mtcli.core.configfile import load_config
from mtcli.core.data.features import FeatureStore
from mtcli.core.data.feed import Feed
from mtcli.core.errors import ConfigError, SaveError
from mtcli.core.runtime import Runtime
from tests.conftest import DEVICE

CPU = Runtime(torch.device("cpu"), "fp32")


def cache_of(folder: Path, *changes: str, tasks: Sequence[str] | None = None) -> FeatureCache:
    config = load_config(folder / "mtcli.yaml", ["train.freeze=[trunk]", *changes], tasks)
    assembly = assemble(config)
    return FeatureCache(CPU.place(assembly.network), config, assembly.records, CPU)


def filled(cache: FeatureCache, run: Path) -> FeatureStore:
    told = cache.fill(run)
    while True:
        try:
            next(told)
        except StopIteration as end:
            store: FeatureStore = end.value
            return store


def free(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=count))


@pytest.mark.parametrize(
    ("tasks", "levels"),
    [(["cls"], ["c5"]), (["det"], ["c3", "c4", "c5"]), (["cls", "det"], ["c3", "c4", "c5"])],
)
def test_only_maps_that_are_read_are_kept(
    shapes: Path, tasks: list[str], levels: list[str]
) -> None:
    config = load_config(shapes / "mtcli.yaml", ["tasks.det.levels=[p3, p4]"], tasks)
    assert assemble(config).network.reads == {"": levels}


def test_each_trunk_keeps_the_maps_of_its_tasks(shapes: Path) -> None:
    changes = ["model.trunks={side: {trunk: tiny}}", "tasks.cls.trunk=side"]
    config = load_config(shapes / "mtcli.yaml", [*changes, "tasks.det.levels=[p3, p4]"])
    assert assemble(config).network.reads == {"": ["c3", "c4", "c5"], "side": ["c5"]}


def test_too_little_room_is_told_before_anything_is_written(
    shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # c5 of tiny at 64 × 64 is 128 · 2 · 2 numbers of 4 bytes; a twelfth picture has no class.
    cache = cache_of(shapes, tasks=["cls"])
    free(monkeypatch, 22_527)
    with pytest.raises(ConfigError) as caught:
        list(cache.size_up(Path("runs/new")))
    assert caught.value.what == "train.cache_features: needs 22.5 kB, 22.5 kB are free"
    assert caught.value.found == "c5 of 11 pictures"
    free(monkeypatch, 22_528)
    (note,) = cache.size_up(Path("runs/new"))
    assert note.text == "cached features: c5 of 11 pictures, 22.5 kB until the training ends"
    assert not Path("runs").exists()


def test_what_is_about_to_go_counts_as_room(shapes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = cache_of(shapes, tasks=["cls"])
    begun = Path("run/features")
    begun.mkdir(parents=True)
    (begun / "train-0.maps").write_bytes(bytes(20_000))
    free(monkeypatch, 2_528)
    assert len(list(cache.size_up(Path("run")))) == 1


def test_a_whole_cache_is_taken_as_it_is(shapes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("run").mkdir()
    filled(cache_of(shapes), Path("run"))
    free(monkeypatch, 0)
    again = cache_of(shapes)
    (note,) = again.size_up(Path("run"))
    assert note.text.startswith("cached features are there: c2, c3, c4, c5")
    assert list(again.fill(Path("run"))) == []


@pytest.mark.parametrize(
    "change", ["train.seed=1", "data.size=[32, 64]", "data.resize=letterbox", "data.splits.val=new"]
)
def test_another_origin_makes_another_cache(shapes: Path, change: str) -> None:
    Path("run").mkdir()
    filled(cache_of(shapes), Path("run"))
    names = (shapes / "val.txt").read_text().split()
    (shapes / "new").write_text("\n".join(reversed(names)))
    change = change.replace("=new", f"={shapes / 'new'}")
    assert len(list(cache_of(shapes, change).fill(Path("run")))) == 3  # two batches and one


def test_what_is_kept_is_what_the_network_computes(shapes: Path) -> None:
    Path("run").mkdir()
    config = load_config(shapes / "mtcli.yaml", ["train.freeze=[trunk]"])
    assembly, runtime = assemble(config), Runtime(DEVICE, "bf16")
    network, records = runtime.place(assembly.network).eval(), assembly.records
    store = filled(FeatureCache(network, config, records, runtime), Path("run"))
    batch = next(Feed(config, {}, records, DEVICE).judging())
    with torch.inference_mode(), runtime.autocast():
        maps = network.maps(batch.inputs)[""]
    for name, tensor in store.inputs("val")(batch.keys).items():
        assert torch.equal(tensor.to(DEVICE), maps[name]), name


def test_a_cache_that_cannot_be_written_leaves_nothing(
    shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("run").mkdir()
    append, calls = FeatureStore.append, 0

    def second_fails(self: FeatureStore, split: str, maps: dict[str, torch.Tensor]) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise SaveError("cannot keep the features: No space left on device")
        append(self, split, maps)

    monkeypatch.setattr(FeatureStore, "append", second_fails)
    with pytest.raises(SaveError):
        filled(cache_of(shapes), Path("run"))
    assert list(Path("run").iterdir()) == []


def test_a_cache_given_up_half_way_leaves_nothing(shapes: Path) -> None:
    Path("run").mkdir()
    told = cache_of(shapes).fill(Path("run"))
    next(told)
    assert Path("run/features").is_dir()
    told.close()
    assert list(Path("run").iterdir()) == []
