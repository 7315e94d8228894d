"""Kinds and formats of the user's own: one file each, and never imported unasked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Cli

KIND = '''
"""A made-up kind: is the picture brighter than the others?"""

from torch.nn import Linear, Module
from torch.nn.functional import binary_cross_entropy_with_logits

import torch

from mtcli.core.labels import LabelError, WordsLabel
from mtcli.core.options import Options
from mtcli.core.task import Meter, Task
from mtcli.core.tasks import KINDS


class Nothing(Options):
    """Nothing to say."""


class Head(Module):
    def __init__(self, channels):
        super().__init__()
        self.linear = Linear(channels, 1)

    def forward(self, features, targets=None):
        return self.linear(features["c3"].mean(dim=(2, 3))).squeeze(1)


class Hits(Meter):
    def __init__(self):
        self.right = self.seen = 0

    def update(self, predictions, targets):
        self.seen += len(targets)
        self.right += sum(
            int((p["yes"] > 0.5) == (t["yes"] > 0.5))
            for p, t in zip(predictions, targets, strict=True)
        )

    def merge(self, others):
        for other in others:
            self.seen += other.seen
            self.right += other.right

    def compute(self):
        return {"hits": self.right / self.seen if self.seen else None}

    def per_class(self):
        return {}


@KINDS.add("yes_or_no")
class YesOrNo(Task):
    """A made-up kind: yes or no."""

    kind = "yes_or_no"
    Options = Nothing
    Facts = Nothing
    takes = (WordsLabel,)
    metrics = {"hits": "max"}
    outputs = {"yes": "[N] float32"}
    raw_outputs = {"logits": "[N] float32"}
    levels = ("c3",)

    def __init__(self, options, facts):
        self.options, self.facts = options, facts

    @classmethod
    def prepare(cls, options, values):
        return cls(options, Nothing())

    @classmethod
    def example(cls, generator, size):
        return WordsLabel(("yes",))

    def head(self, specs):
        return Head(specs["c3"].channels)

    def read(self, value, size):
        if value.words[0] not in ("yes", "no"):
            raise LabelError("neither yes nor no", found=value.words[0])
        return {"yes": torch.tensor(float(value.words[0] == "yes"))}

    def collate(self, targets, size):
        return torch.stack([target["yes"] for target in targets])

    def counts(self, batch):
        return {"rows": torch.tensor(float(len(batch)), device=batch.device)}

    def loss(self, raw, batch, counts):
        loss = binary_cross_entropy_with_logits(raw, batch, reduction="sum")
        return {"bce": loss / counts["rows"]}

    def decode(self, raw, size):
        return [{"yes": row} for row in raw.sigmoid()]

    def meter(self):
        return Hits()

    def truth(self, target):
        return {"yes": target["yes"]}

    def draw(self, sheet, prediction, target):
        return None

    def to_json(self, prediction):
        return {"yes": float(prediction["yes"])}

    def export(self, raw, size):
        return {"yes": raw.sigmoid()}

    def predictions(self, tensors, size):
        return [{"yes": row} for row in tensors["yes"]]

    def export_raw(self, raw):
        return {"logits": raw}

    def decode_raw(self, tensors, size):
        return self.decode(tensors["logits"], size)

    def agreement(self, one, other):
        return float((one["yes"] > 0.5) == (other["yes"] > 0.5))
'''

FORMAT = '''
"""A made-up format: the label is in the picture's name, the file lists the names."""

from pathlib import Path

from mtcli.core.data.readers import READERS, Reader
from mtcli.core.labels import Label, WordsLabel
from mtcli.core.options import InputPath, Options


class NamesOptions(Options):
    """Where the names stand."""

    names_in: InputPath
    """A text file."""


@READERS.add("names_in")
class NamesReader(Reader):
    """Yes for an even number, no for an odd one."""

    Options = NamesOptions
    gives = (WordsLabel,)

    def __init__(self, options):
        self._path = options.names_in

    def read(self, split, sort):
        return {
            name: Label(WordsLabel(("yes" if int(Path(name).stem) % 2 else "no",)), str(self._path))
            for name in self._path.read_text().split()
        }

    @classmethod
    def example(cls, folder, values):
        raise NotImplementedError
'''


def write(folder: Path, suffix: str) -> Path:
    """Two plug-ins beside a config of the shapes that uses them; names differ from test to test,
    since what one registers stays registered in this process.
    """
    kind = KIND.replace("yes_or_no", f"yes_or_no_{suffix}")
    names = FORMAT.replace('add("names_in")', f'add("names_in_{suffix}")').replace(
        "names_in: InputPath", f"names_in_{suffix}: InputPath"
    )
    (folder / f"my_kind_{suffix}.py").write_text(kind)
    (folder / f"my_format_{suffix}.py").write_text(
        names.replace("options.names_in", f"options.names_in_{suffix}")
    )
    text = (folder / "mtcli.yaml").read_text()
    (folder / "all.txt").write_text("\n".join(f"{n:02d}.png" for n in range(12)))
    own = f"  even: {{kind: yes_or_no_{suffix}, labels: {{names_in_{suffix}: all.txt}}}}\nmodel:"
    config = folder / "plugged.yaml"
    config.write_text(
        f"plugins: [my_kind_{suffix}, my_format_{suffix}]\n" + text.replace("model:", own, 1)
    )
    return config


def fresh(*words: object) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own, where nothing is registered yet."""
    command = [sys.executable, "-m", "mtcli", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_a_kind_and_a_format_take_one_file_each(shapes: Path, cli: Cli) -> None:
    config = write(shapes, "one")
    assert cli("config", "check", config).code == 0
    assert cli("train", config, "--name", "plugged", "--quiet").code == 0
    said = cli("eval", "runs/plugged", "--config", config, "--json")
    assert said.code == 0, said.err
    tasks = said.json["tasks"]
    assert isinstance(tasks, dict)
    assert tasks["even"]["primary"] == "hits"


def test_what_a_run_names_is_imported_only_where_it_is_allowed(shapes: Path, cli: Cli) -> None:
    config = write(shapes, "two")
    assert cli("train", config, "--name", "plugged", "--quiet").code == 0

    refused = fresh("eval", "runs/plugged")
    assert refused.returncode == 2
    assert "my_kind_two" in refused.stderr
    assert "--allow-plugins" in refused.stderr
    assert fresh("eval", "runs/plugged", "--allow-plugins").returncode == 0
    resumed = fresh("train", "--resume", "runs/plugged")
    assert resumed.returncode == 2
    assert "--allow-plugins" in resumed.stderr


def test_a_checkpoint_that_names_a_plug_in_does_not_import_it(shapes: Path, cli: Cli) -> None:
    config = write(shapes, "three")
    assert cli("train", config, "--name", "plugged", "--quiet").code == 0
    marker = shapes / "imported"
    plugin = shapes / "my_kind_three.py"
    plugin.write_text(f"open({str(marker)!r}, 'w').close()\n{plugin.read_text()}")

    refused = fresh("eval", "runs/plugged/checkpoints/best", "--config", shapes / "mtcli.yaml")
    assert refused.returncode == 2
    assert "--allow-plugins" in refused.stderr
    assert not marker.exists()
    words = ("eval", "runs/plugged/checkpoints/best", "--config", shapes / "mtcli.yaml")
    assert fresh(*words, "--allow-plugins").returncode == 0
    assert marker.exists()


@pytest.mark.parametrize(
    ("plugins", "part"),
    [
        ("[nowhere_to_be_found]", "no module nowhere_to_be_found"),
        ("nothing.py", "a list of modules"),
        ("[broken]", "ZeroDivisionError"),
        ("[missing.py]", "missing.py"),
    ],
)
def test_a_plug_in_that_cannot_be_imported_is_said(
    shapes: Path, cli: Cli, plugins: str, part: str
) -> None:
    (shapes / "broken.py").write_text("1 / 0\n")
    config = shapes / "mtcli.yaml"
    config.write_text(f"plugins: {plugins}\n{config.read_text()}")
    said = cli("train", config)
    assert said.code == 2
    assert part in said.err
    assert not Path("runs").exists()


TRUNK = """
import torch
from torch import nn


class MyTrunk(nn.Module):
    channels = {"c2": 8, "c3": 8, "c4": 8, "c5": 8}

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 2, stride=2)
        self.stages = nn.ModuleList(nn.Conv2d(8, 8, 2, stride=2) for _ in self.channels)

    def forward(self, x):
        x, maps = self.stem(x), {}
        for level, stage in zip(self.channels, self.stages):
            x = maps[level] = torch.relu(stage(x))
        return maps
"""


@pytest.mark.slow  # four processes; what a checkpoint may import is tested in one above
def test_a_trunk_of_one_s_own_is_trained_and_imported_only_where_it_is_allowed(
    shapes: Path, cli: Cli
) -> None:
    marker = shapes / "imported"
    module = shapes / "my_trunk_four.py"
    module.write_text(f"open({str(marker)!r}, 'w').close()\n{TRUNK}")
    changes = ("--set", "model.trunk=./my_trunk_four.py:MyTrunk")
    said = cli("train", shapes / "mtcli.yaml", *changes, "--name", "own", "--quiet")
    assert said.code == 0, said.err
    marker.unlink()

    checkpoint = "runs/own/checkpoints/best"
    for words in (
        ("eval", "runs/own"),
        ("eval", checkpoint, "--config", shapes / "mtcli.yaml"),
    ):
        refused = fresh(*words)
        assert refused.returncode == 2
        assert "my_trunk_four" in refused.stderr
        assert "--allow-plugins" in refused.stderr
        assert not marker.exists()
    elsewhere = fresh("eval", checkpoint, "--config", shapes / "mtcli.yaml", "--allow-plugins")
    assert elsewhere.returncode == 0, elsewhere.stderr


def test_a_trunk_that_breaks_its_promise_is_said_before_anything_starts(
    shapes: Path, cli: Cli
) -> None:
    (shapes / "my_trunk_five.py").write_text(TRUNK.replace('"c4": 8', '"c4": 9'))
    changes = ("--set", "model.trunk=my_trunk_five:MyTrunk")
    said = cli("train", shapes / "mtcli.yaml", *changes)
    assert said.code == 2
    assert "c4 has another shape" in said.err
    assert "[1, 9, 4, 6]" in said.err
    assert "[1, 8, 4, 6]" in said.err
    assert not Path("runs").exists()
