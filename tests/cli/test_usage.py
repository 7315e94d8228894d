"""Options and arguments: help, versions, wrong usage, and answers that do not wait for torch."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import mtcli
from tests.conftest import Answer, Cli


def refused(answer: Answer, *words: str) -> None:
    """The command was refused with one message that holds these words."""
    assert answer.code == 2, answer.err
    assert answer.out == ""
    for word in words:
        assert word in answer.err


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def python(*words: str) -> subprocess.CompletedProcess[str]:
    """A Python of its own, warnings being errors there too."""
    return subprocess.run(
        [sys.executable, "-W", "error", *words],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(mtcli.__file__).parent.parent)},
        check=False,
    )


COMMANDS = ["train", "eval", "sample", "config"]


def test_help_lists_the_commands(cli: Cli) -> None:
    answer = cli("--help")

    assert answer.code == 0
    assert answer.err == ""
    for command in COMMANDS:
        assert f" {command} " in answer.out


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help(cli: Cli, command: str) -> None:
    answer = cli(command, "--help")

    assert answer.code == 0
    assert f"mtcli {command}" in answer.out
    assert answer.out == cli(command, "-h").out


def test_version_is_said(cli: Cli) -> None:
    assert cli("--version") == Answer(0, f"mtcli {mtcli.__version__}\n", "")


def test_module_is_the_command() -> None:
    done = python("-m", "mtcli", "--version")

    assert (done.returncode, done.stdout, done.stderr) == (0, f"mtcli {mtcli.__version__}\n", "")


def test_unknown_command_gets_a_near_one(cli: Cli) -> None:
    refused(cli("trian"), "trian", "train")


@pytest.mark.parametrize("command", COMMANDS)
def test_unknown_option_is_named(cli: Cli, command: str) -> None:
    refused(cli(command, "--nosuch"), "No such option", "--nosuch")


def test_missing_argument_is_named(cli: Cli) -> None:
    refused(cli("eval"), "RUN|CHECKPOINT")


LIGHT = [
    ["--help"],
    ["train", "--help"],
    ["--version"],
    ["--nosuch"],
    ["train", "--nosuch"],
    ["nosuch"],
    ["train"],
    ["train", "nosuch.yaml"],
    ["config", "check", "nosuch.yaml"],
    ["train", "broken.yaml"],
    ["train", "--resume", "runs/nosuch"],
    ["eval", "runs/nosuch"],
    ["eval", "runs/nosuch", "--config", "nosuch.yaml"],
]


def test_light_answers_import_no_torch() -> None:
    Path("broken.yaml").write_text("data: [")
    script = f"""\
import sys
from mtcli.cli.main import main
for line in {LIGHT!r}:
    code = main(line)
    wanted = 0 if line[-1] in ("--help", "--version") else 2
    assert code == wanted, (line, code)
    heavy = {{"torch", "torchvision", "timm", "numpy", "matplotlib"}} & set(sys.modules)
    assert not heavy, (line, heavy)
"""

    done = python("-c", script)

    assert done.returncode == 0, done.stderr


def test_debug_shows_the_traceback() -> None:
    done = python("-m", "mtcli", "train", "nosuch.yaml", "--debug")

    assert done.returncode == 2
    assert "Traceback" in done.stderr
    assert "no config at nosuch.yaml" in done.stderr


def test_without_debug_there_is_no_traceback() -> None:
    done = python("-m", "mtcli", "train", "nosuch.yaml")

    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "error  no config at nosuch.yaml\n"


def test_our_own_mistake_is_no_traceback(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_path: Path | None) -> Path:
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr("mtcli.core.configfile.find_config", fail)

    answer = cli("train")

    assert answer.code == 1
    assert "ZeroDivisionError: by nought" in answer.err
    assert "--debug" in answer.err
    assert "Traceback" not in answer.err


def test_paths_in_messages_are_never_folded(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    path = "a folder with a long name/" * 5 + "mtcli.yaml"

    assert path in cli("train", path).err


def test_brackets_in_messages_are_kept(cli: Cli) -> None:
    assert "no config at [bold]a[/bold].yaml" in cli("train", "[bold]a[/bold].yaml").err


def test_json_leaves_stdout_empty_on_an_error(cli: Cli) -> None:
    refused(cli("train", "nosuch.yaml", "--json"), "nosuch.yaml")
    refused(cli("eval", "runs/nosuch", "--json"), "runs/nosuch")


def test_quiet_still_says_errors(cli: Cli) -> None:
    refused(cli("train", "nosuch.yaml", "--quiet"), "nosuch.yaml")


# The run's name.


def test_run_that_exists_is_never_overwritten(cli: Cli, shapes: Path) -> None:
    mine = Path("runs/mine")
    mine.mkdir(parents=True)
    (mine / "config.yaml").write_text("mine\n")
    (mine / "notes.txt").write_text("to be kept\n")
    before = contents(Path("runs"))

    answer = cli("train", shapes / "mtcli.yaml", "--name", "mine")

    refused(answer, "mine exists", "runs/mine", "--name", "--resume runs/mine")
    assert contents(Path("runs")) == before
    assert [path.name for path in Path("runs").iterdir()] == ["mine"]


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/a", "../a", "a/"])
def test_name_that_is_no_folders_name_is_refused(cli: Cli, shapes: Path, name: str) -> None:
    answer = cli("train", shapes / "mtcli.yaml", "--name", name)

    refused(answer, "not a name for a run", "--runs")
    assert list(Path.cwd().iterdir()) == []


def test_runs_in_a_file_fail_as_work(cli: Cli, shapes: Path) -> None:
    Path("runs").write_text("a file\n")

    answer = cli("train", shapes / "mtcli.yaml")

    assert answer.code == 1
    assert "cannot make the run's folder" in answer.err
    assert Path("runs").read_text() == "a file\n"


# Resuming.


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["mtcli.yaml"], "CONFIG"),
        (["--tasks", "cls"], "--tasks"),
        (["--set", "train.epochs=3"], "--set"),
        (["--name", "other"], "--name"),
        (["--runs", "other"], "--runs"),
    ],
)
def test_resume_takes_nothing_else(cli: Cli, trained: Path, words: list[str], name: str) -> None:
    shutil.copytree(trained, "runs/first", symlinks=True)
    before = contents(Path("runs"))

    answer = cli("train", *words, "--resume", "runs/first")

    refused(answer, "--resume", f"{name} has no place beside it")
    assert contents(Path("runs")) == before


# The sample.


def test_sample_overwrites_nothing(cli: Cli) -> None:
    Path("mine").mkdir()
    Path("mine/notes.txt").write_text("to be kept\n")
    before = contents(Path("mine"))

    refused(cli("sample", "mine"), "not empty", "mine")
    assert contents(Path("mine")) == before


def test_sample_passes_its_own_check(cli: Cli) -> None:
    answer = cli("sample", "new")
    assert answer.code == 0, answer.err
    assert "mtcli train new/mtcli.yaml" in answer.out

    assert cli("config", "check", "new/mtcli.yaml").code == 0
