"""What a shell offers: runs, tasks, trunks and the like, quickly and without an error."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import mtcli
from mtcli.cli.completion import KEY, join_cut_words
from tests.cli.conftest import Shell
from tests.conftest import Cli

Offered = Callable[..., list[str]]


@pytest.fixture
def offered(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Offered:
    """What bash is told for a line that it has cut into these words."""

    def ask(*words: str) -> list[str]:
        with monkeypatch.context() as patch:
            patch.setenv("_MTCLI_COMPLETE", "complete_bash")
            patch.setenv("COMP_WORDS", "\n".join(["mtcli", *words]))
            patch.setenv("COMP_CWORD", str(len(words)))
            patch.setenv(KEY, "")
            patch.delenv(KEY)
            answer = cli()
        assert (answer.code, answer.err) == (0, "")
        return answer.out.split()

    return ask


@pytest.fixture
def place(shapes: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a config, two runs and exported files."""
    config = (shapes / "mtcli.yaml").read_text()
    for name in ("one", "two"):
        run = shapes / "runs" / name
        (run / "exports").mkdir(parents=True)
        (run / "config.yaml").write_text(config.replace("cls:", f"{name}:"))
        (run / "exports" / f"{name}.onnx").touch()
    (shapes / "runs" / "no-run").mkdir()
    (shapes / "here.pt2").touch()
    monkeypatch.chdir(shapes)
    return shapes


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["ev"], ["eval"]),
        (
            ["eval", ""],
            ["runs/one", "runs/two", "here.pt2"],
        ),
        (["eval", "runs/t"], ["runs/two"]),
        (["eval", "runs/one/exports/"], ["runs/one/exports/one.onnx"]),
        (["eval", "elsewhere/"], []),
        (["train", "--resume", "runs/o"], ["runs/one"]),
        (["train", "--tasks", ""], ["cls", "det"]),
        (["train", "--tasks", "cls,"], ["cls,det"]),
        (["train", "mtcli.yaml", "--tasks", "d"], ["det"]),
        (["eval", "runs/two", "--tasks", ""], ["two", "det"]),
        (["eval", "runs/two", "--tasks", "=", "t"], ["two"]),
        (["eval", "runs/one", "--split", ""], ["train", "val"]),
        (["train", "--device", ""], ["auto", "cpu", "cuda"]),
        (["train", "--set", "train.device", "=", "cp"], ["cpu"]),
        (["train", "--set", "train.device", "="], ["auto", "cpu", "cuda"]),
        (["train", "--set", "=", "train.precision", "=", "f"], ["fp32", "fp16"]),
        (["train", "--set", "train.device=c"], ["train.device=cpu", "train.device=cuda"]),
        (["train", "--set", "train.lr", "=", ""], []),
        (["train", "--set", "train.lr", "=", "1", "--tasks", "c"], ["cls"]),
        (["train", "--set", "train.lr", "=", "--tasks", "c"], ["cls"]),
        (["predict", "runs/two", "x.png", "--format", "js"], ["json", "jsonl"]),
    ],
)
def test_what_is_offered(
    offered: Offered, place: Path, words: list[str], wanted: list[str]
) -> None:
    assert offered(*words)[: len(wanted) or 1] == wanted


def test_trunks_are_those_that_can_be_built(offered: Offered) -> None:
    import timm

    found = offered("train", "--set", "model.trunk", "=", "")
    assert sorted(found) == sorted(["tiny", *timm.list_models()])
    assert offered("models", "show", "resnet1") == sorted(timm.list_models("resnet1*"))


@pytest.mark.parametrize("text", [None, "", "tasks: [", "tasks: 3", "\x00", "tasks: {cls"])
def test_without_a_config_that_can_be_read_nothing_is_offered(
    offered: Offered, text: str | None
) -> None:
    if text is not None:
        Path("mtcli.yaml").write_text(text)
    assert offered("train", "--tasks", "") == []
    assert offered("eval", "runs/nowhere", "--split", "") == []
    assert offered("eval", "") == []


def test_words_of_other_shells_stay_as_they_are() -> None:
    for environment in ({}, {"_MTCLI_COMPLETE": "complete_zsh", "COMP_WORDS": "a\n=\nb"}):
        before = dict(environment)
        join_cut_words(environment)
        assert environment == before


def python(place: Path, code: str, *words: str) -> subprocess.CompletedProcess[str]:
    line = {"COMP_WORDS": "\n".join(["mtcli", *words]), "COMP_CWORD": str(len(words))}
    root = str(Path(mtcli.__file__).parent.parent)
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, **line, "_MTCLI_COMPLETE": "complete_bash", "PYTHONPATH": root},
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("words", [["--set", "model.trunk", "=", "resnet5"], ["--tasks", "c"]])
def test_nothing_that_takes_seconds_is_imported(place: Path, words: list[str]) -> None:
    heavy = ("torch", "timm", "numpy", "click")
    code = (
        "import sys; from mtcli.cli.main import main; main([]); "
        f"sys.exit(str([name for name in {heavy} if name in sys.modules]))"
    )
    done = python(place, code, "train", *words)
    assert done.stderr == "[]\n"
    assert done.stdout.split()[0] in ("resnet50", "cls")


def test_a_real_bash_offers_them(shell: Shell, place: Path) -> None:
    script = """
    eval "$(_MTCLI_COMPLETE=source_bash mtcli)"
    complete -p mtcli
    COMP_WORDS=(mtcli train --set model.trunk = resnet5); COMP_CWORD=5
    _mtcli_completion mtcli
    echo "${COMPREPLY[0]}"
    """
    done = shell("-euc", script)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "complete -o default -F _mtcli_completion mtcli",
        "resnet50",
    ]


def test_it_installs_itself(shell: Shell, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    # With more to do bash stays the parent, by which the shell is known.
    done = shell("-c", "mtcli --install-completion; exit $?", HOME=str(home))
    assert done.returncode == 0, done.stderr
    (script,) = (home / ".bash_completions").iterdir()
    assert "complete_bash" in script.read_text()
    assert str(script) in (home / ".bashrc").read_text()
