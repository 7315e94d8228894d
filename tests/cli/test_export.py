"""`mtcli export`, and `mtcli eval` and `mtcli predict` of what it wrote."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import shutil
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mtcli.cli.main import main
from mtcli.core.export import program
from mtcli.core.export.program import Program
from tests.cli.test_usage import contents, python, refused
from tests.conftest import Cli, make_shapes

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")

OUTPUTS = {
    "cls/probabilities": ["N", 2],
    "cls/class": ["N"],
    "det/boxes": ["D", 4],
    "det/scores": ["D"],
    "det/labels": ["D"],
    "det/image": ["D"],
    "det/counts": ["N"],
}


@dataclass(frozen=True)
class Exported:
    """The run's export, what was said of it, and what it was written from."""

    file: Path
    said: Any
    program: Program


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what `trained` learnt from."""
    return make_shapes(tmp_path_factory.mktemp("exported") / "shapes")


@pytest.fixture(scope="module")
def exported(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """The run as ONNX, for any number of pictures: the only one that the quick tests wait for."""
    file = tmp_path_factory.mktemp("files") / "run.onnx"
    programs: list[Program] = []

    def trace(*given: Any) -> Program:
        programs.append(program.trace(*given))
        return programs[-1]

    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(said):
        patch.setattr("mtcli.recipes.export.trace", trace)
        assert main(["export", str(trained), "--out", str(file), "--json"]) == 0
    return Exported(file, json.loads(said.getvalue()), programs[0])


Convert = Callable[[Callable[[Any], object]], None]


@pytest.fixture
def converted(exported: Exported, monkeypatch: pytest.MonkeyPatch) -> Convert:
    """From now on the network is not traced and converted anew, which takes seconds.

    What came of it is at hand, and may be changed first; all before and behind is as always.
    """

    def use(change: Callable[[Any], object]) -> None:
        def convert(_program: Program, _opset: int | None) -> Any:
            proto = onnx.load(exported.file)
            change(proto)
            return proto

        monkeypatch.setattr("mtcli.recipes.export.trace", lambda *_given: exported.program)
        monkeypatch.setattr("mtcli.core.export.formats.onnx._converted", convert)

    use(lambda _proto: None)
    return use


@pytest.fixture
def lost(trained: Path, tmp_path: Path) -> Path:
    """A copy of the run, whose pictures and labels are nowhere."""
    run = tmp_path / "lost"
    shutil.copytree(trained, run)
    config = run / "config.yaml"
    shapes = str(trained.parent.parent / "shapes")
    assert shapes in config.read_text()
    config.write_text(config.read_text().replace(shapes, str(tmp_path / "gone")))
    return run


def _metrics(answer: Any) -> list[float]:
    """Every metric of every task, in the order of their names."""
    named = {
        f"{task}.{name}": -1.0 if value is None else value
        for task, own in answer["tasks"].items()
        for name, value in _of(own).items()
    }
    return [named[name] for name in sorted(named)]


def _of(task: Any) -> dict[str, float | None]:
    metrics: dict[str, float | None] = task["metrics"]
    return metrics


def _nothing_lies_about(*folders: Path) -> None:
    """No draft was left, in these folders or the working folder."""
    for folder in (Path(), *folders):
        assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_json_tells_what_was_written_and_how_far_it_agrees(exported: Exported) -> None:
    said = exported.said
    assert (said["file"], said["placed"], said["replaced"]) == (str(exported.file), True, False)
    assert (said["form"], said["precision"], said["answers"]) == ("onnx", "fp32", "decoded")
    assert said["size"] == exported.file.stat().st_size
    assert said["inputs"] == {"image": {"shape": ["N", 64, 64, 3], "dtype": "uint8"}}
    assert {name: own["shape"] for name, own in said["outputs"].items()} == OUTPUTS
    verified = said["verified"]
    assert verified["fine"]
    assert (verified["pictures"], verified["batches"]) == (4, [1, 3])
    assert [check["name"] for check in verified["tensors"]] == list(OUTPUTS)
    assert all(check["numbers"] and check["fine"] for check in verified["tensors"])
    probabilities = verified["tensors"][0]
    assert probabilities["largest"] <= probabilities["tolerance"] <= 1e-3
    assert all(check["agreement"] >= check["wanted"] > 0.9 for check in verified["tasks"].values())
    assert set(verified["tasks"]) == {"cls", "det"}
    assert min(verified["seconds"], verified["seconds_before"]) > 0
    assert said["losses"] == {}
    _nothing_lies_about(exported.file.parent)


def test_the_file_tells_a_stranger_what_it_is(exported: Exported, trained: Path) -> None:
    proto = onnx.load(exported.file)
    onnx.checker.check_model(proto)
    props = {entry.key: entry.value for entry in proto.metadata_props}
    assert props["tasks"] == "cls (classification), det (detection)"
    assert props["classes of cls"] == "circle, square"
    assert props["size"] == "64 × 64 (height, width)"
    assert str(trained.parent.parent).encode() not in exported.file.read_bytes()


def test_its_metrics_are_the_run_s(
    cli: Cli, exported: Exported, trained: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = cli("eval", trained, "--json").json
    answer = cli("eval", exported.file, "--config", data / "mtcli.yaml", "--json")
    assert answer.code == 0, answer.err
    assert _metrics(answer.json) == pytest.approx(_metrics(before), abs=1e-3)
    assert (answer.json["images"], answer.json["split"]) == (before["images"], "val")
    refused(cli("eval", exported.file), "none found", "--config", "mtcli.yaml")
    monkeypatch.chdir(data)
    alone = cli("eval", exported.file, "--tasks", "cls", "--fail-under", "cls.accuracy=2")
    assert alone.code == 3
    assert "config mtcli.yaml" in alone.err


def test_its_predictions_are_the_run_s(
    cli: Cli, exported: Exported, trained: Path, data: Path
) -> None:
    files = (trained, exported.file)
    words = [data / "images", "--json", "--batch-size", 5]
    answers = [cli("predict", model, *words) for model in files]
    assert [answer.code for answer in answers] == [0, 0], answers[1].err
    one: Any
    other: Any
    boxes = 0
    pairs: Any = zip(*(answer.json["predictions"] for answer in answers), strict=True)
    for one, other in pairs:
        assert (one["image"], one["size"]) == (other["image"], other["size"])
        assert one["tasks"]["cls"]["class"] == other["tasks"]["cls"]["class"]
        shares = [own["tasks"]["cls"]["probabilities"] for own in (one, other)]
        assert shares[0] == pytest.approx(shares[1], abs=1e-4)
        rows = [_rows(own["tasks"]["det"]["objects"]) for own in (one, other)]
        assert len(rows[0]) == len(rows[1])
        boxes += len(rows[0])
        # Boxes that are as sure as each other may change places.
        for row in rows[0]:
            assert np.abs(rows[1] - row).max(axis=1).min() < 1e-2
    assert boxes > 0
    lines = [cli("predict", model, data / "images").out for model in files]
    assert lines[0] == lines[1]


def _rows(objects: Any) -> Any:
    """Boxes, scores and classes as an array [D, 6]."""
    rows = [[*own["box"], own["score"], own["class"] == "circle"] for own in objects]
    return np.array(rows, float).reshape(-1, 6)


def test_a_person_reads_a_table(
    cli: Cli, converted: Convert, trained: Path, exported: Exported
) -> None:
    answer = cli("export", trained)
    assert answer.code == 0, answer.err
    first, *rest = answer.out.splitlines()
    assert first.startswith(" wrote run.onnx · onnx, fp32, decoded · any number of pictures")
    assert [line.split()[0] for line in rest[1:9]] == ["image", *OUTPUTS]
    assert " cls  agrees 1.000" in rest
    assert rest[-1] == " held against the checkpoint on 4 pictures of val, 1 or 3 at once"
    assert [path.name for path in Path().iterdir()] == ["run.onnx"]
    onnx.checker.check_model("run.onnx")


def test_an_older_export_is_replaced(
    cli: Cli, converted: Convert, trained: Path, exported: Exported
) -> None:
    Path("files").mkdir()
    shutil.copy(exported.file, "files/run.onnx")
    older = Path("files/run.onnx").stat().st_ino
    answer = cli("export", trained, "--out", "files", "--no-verify")
    assert answer.code == 0, answer.err
    assert answer.out.startswith(" replaced files/run.onnx · ")
    assert "agrees" not in answer.out
    assert [path.name for path in Path("files").iterdir()] == ["run.onnx"]
    assert Path("files/run.onnx").stat().st_ino != older


def test_a_name_without_an_ending_is_not_written(
    cli: Cli, converted: Convert, trained: Path
) -> None:
    answer = cli("export", trained, "--out", "a", "--no-verify")
    assert answer.code == 2 or cli("eval", "a").code == 0


def test_data_that_is_gone_is_said_with_two_ways_out(
    cli: Cli, converted: Convert, lost: Path, data: Path
) -> None:
    answer = cli("export", lost)
    refused(answer, "no such file", "--config", "--no-verify")
    assert not any(Path().iterdir())
    elsewhere = cli("export", lost, "--config", data / "mtcli.yaml", "--json")
    assert elsewhere.code == 0, elsewhere.err
    assert elsewhere.json["replaced"] is False
    unseen = cli("export", lost, "--no-verify", "--json")
    assert unseen.code == 0, unseen.err
    assert (unseen.json["verified"], unseen.json["replaced"]) == (None, True)
    assert not Path(str(lost.parent / "gone")).exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--format", "onxn"], ["--format onxn: no such format", "did you mean onnx?"]),
        (["--format", "onnx", "--out", "a.pt2"], ["--out a.pt2", "wanted .onnx\n"]),
        (["--format", "pt2", "--out", "a.onnx"], ["--out a.onnx", "wanted .pt2\n"]),
        (["--out", "a.bin"], ["--out a.bin", ".onnx or .pt2"]),
        (["--format", "onnx", "--out", "a"], ["--out a", "wanted .onnx\n"]),
        (["--calibrate", "4"], ["--calibrate is of int8", "--precision int8"]),
        (["--format", "pt2", "--precision", "int8"], ["not with --format pt2", "--format onnx"]),
        (["--out", "a.pt2", "--opset", "18"], ["--opset", "pt2"]),
        (["--precision", "in8"], ["--precision in8", "did you mean int8?"]),
        (["--dynamic", "bach"], ["--dynamic bach", "none, batch, size", "did you mean batch?"]),
        (["--tasks", "clz"], ["no task clz", "did you mean cls?"]),
        (["--tasks", ","], ["--tasks names no task"]),
        (["--out", "no/such.onnx"], ["no such folder to write to", "  in     no\n"]),
        (["--out", "FILE/a.onnx"], ["cannot write there", "Not a directory"]),
        (["--config", "none.yaml"], ["no config at none.yaml"]),
        (["--set", "model.trunk=resnet18"], ["decided by the checkpoint"]),
    ],
)
def test_wrong_usage_is_told_before_the_work(
    cli: Cli, trained: Path, exported: Exported, words: list[str], told: list[str]
) -> None:
    own = [word.replace("FILE", str(exported.file)) for word in words]
    refused(cli("export", trained, *own), *told)
    assert not any(Path().iterdir())


def test_what_is_no_run_is_told(cli: Cli, exported: Exported) -> None:
    refused(cli("export", exported.file), "exported already", "run or checkpoint")
    refused(cli("export", "runs/none"), "no such run or checkpoint")
    refused(cli("export", "."), "neither a run nor a checkpoint")


def test_help_and_wrong_words_do_not_wait_for_torch(exported: Exported) -> None:
    code = (
        "import sys; from mtcli.cli.main import main; "
        f"words = [['--help'], ['x', '--formta', 'onnx'], [{str(exported.file)!r}]]; "
        "codes = [main(['export', *own]) for own in words]; "
        "print(codes, {'torch', 'onnx', 'onnxruntime'} & {*sys.modules})"
    )
    said = python("-c", code)
    assert said.stdout.splitlines()[-1] == "[0, 2, 2] set()", said.stderr


@pytest.mark.parametrize("content", [b"", b"my thesis", None])
def test_a_file_of_somebody_else_is_not_replaced(
    cli: Cli, trained: Path, content: bytes | None
) -> None:
    own = Path("mine.onnx")
    if content is None:
        _strangers(own)
    else:
        own.write_bytes(content)
    before = contents(Path())
    answer = cli("export", trained, "--out", own)
    refused(answer, "mtcli has not exported", "mine.onnx", "--out")
    assert contents(Path()) == before


@pytest.mark.parametrize("name", ["onnx", "onnxscript", "onnxruntime"])
def test_what_is_not_installed_is_said_with_the_line_that_installs_it(
    cli: Cli, trained: Path, exported: Exported, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(sys.modules, name, None)  # as where there is none of that name
    pip = "pip install 'multitask-cli[export]'"
    refused(cli("export", trained), f"{name} is not installed", pip)
    assert not any(Path().iterdir())
    image = trained.parent.parent / "shapes" / "images" / "00.png"
    asked = cli("predict", exported.file, image)
    if name == "onnxruntime":
        refused(asked, "onnxruntime is not installed", pip)
        refused(cli("eval", exported.file), "onnxruntime is not installed", pip)
    else:
        assert asked.code == 0, asked.err


def _strangers(path: Path) -> None:
    """An ONNX file that says nothing of mtcli."""
    helper = onnx.helper
    side = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", side[:1], side[1:])
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)


def _zip(path: Path, **parts: str) -> None:
    """An archive as `torch.export` lays it out, of parts whose slashes are written `__`."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in parts.items():
            archive.writestr(f"x/{name.replace('__', '/')}", text)


def _describe(path: Path, file: Path, **changes: object) -> None:
    """The file with other metadata."""
    proto = onnx.load(file)
    props = {entry.key: entry.value for entry in proto.metadata_props}
    onnx.helper.set_model_props(proto, {"mtcli": json.dumps(json.loads(props["mtcli"]) | changes)})
    onnx.save(proto, path)


NEWER = {"format": "mtcli export", "schema": 99, "mtcli": "9.9"}


def _half(path: Path, file: Path) -> None:
    path.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _noise(path: Path, file: Path) -> None:
    path.write_bytes(np.random.default_rng(0).bytes(2000))


def _broken(path: Path, file: Path) -> None:
    """An archive with a changed byte in what it says of itself."""
    _zip(path, archive_format="pt2", extra__note="twelve words of some text")
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"twelve", b"eleven"))


@pytest.mark.parametrize(
    ("name", "make", "told"),
    [
        ("a.onnx", lambda path, _file: _strangers(path), ["not exported by mtcli", "mtcli export"]),
        ("a.onnx", _half, ["the file is damaged"]),
        ("a.onnx", _noise, ["the file is damaged"]),
        ("a.onnx", lambda path, _file: path.touch(), ["the file is damaged"]),
        (
            "a.onnx",
            lambda path, file: _describe(path, file, schema=99, mtcli="9.9"),
            ["another schema", "schema 99, by mtcli 9.9", "pip install --upgrade multitask-cli"],
        ),
        (
            "a.onnx",
            lambda path, file: _describe(path, file, export={}),
            ["metadata is damaged"],
        ),
        ("a.onnx", lambda path, file: _describe(path, file, model=[]), ["of mtcli"]),
        ("a.pt2", lambda path, _file: _zip(path, archive_format="pt2"), ["not exported by mtcli"]),
        ("a.pt2", _noise, ["the file is damaged"]),
        ("a.pt2", _broken, ["the file is damaged", "extra/note"]),
        (
            "a.pt2",
            lambda path, _file: _zip(path, **{"extra__mtcli.json": json.dumps(NEWER)}),
            ["another schema", "schema 99, by mtcli 9.9"],
        ),
        (
            "a.pt2",
            lambda path, _file: _zip(path, data__lib="", **{"extra__mtcli.json": ""}),
            ["more than a graph", "data/lib"],
        ),
        ("a.bin", _noise, ["neither a run, nor a checkpoint", ".onnx or .pt2"]),
    ],
)
def test_a_file_that_cannot_be_asked_is_told(
    cli: Cli,
    exported: Exported,
    data: Path,
    name: str,
    make: Callable[[Path, Path], None],
    told: list[str],
) -> None:
    make(Path(name), exported.file)
    for words in (["eval", name, "--config", data / "mtcli.yaml"], ["predict", name, data]):
        answer = cli(*words)
        refused(answer, *told)
        assert name in answer.err
        assert answer.err.startswith("error  ")


def _shift(proto: Any) -> None:
    """Let the file say another thing of `cls`: a constant more for its first class."""
    bias = next(own for own in proto.graph.initializer if list(own.dims) == [2])
    value = onnx.numpy_helper.to_array(bias) + np.array([3, 0], np.float32)
    bias.CopyFrom(onnx.numpy_helper.from_array(value, bias.name))


def _void(proto: Any) -> None:
    bias = next(own for own in proto.graph.initializer if list(own.dims) == [2])
    bias.CopyFrom(onnx.numpy_helper.from_array(np.full(2, np.nan, np.float32), bias.name))


@pytest.mark.parametrize(
    ("change", "found", "cell"),
    [
        (_shift, "cls/probabilities differs by up to", "100.0% beyond"),
        (_void, "cls/probabilities holds NaN or infinity", "NaN or infinity"),
    ],
)
def test_a_file_that_says_something_else_is_not_put_in_place(
    cli: Cli,
    converted: Convert,
    trained: Path,
    exported: Exported,
    change: Callable[[Any], None],
    found: str,
    cell: str,
) -> None:
    shutil.copy(exported.file, "run.onnx")
    before = contents(Path())
    converted(change)
    answer = cli("export", trained)
    assert answer.code == 1
    assert answer.out.startswith(" not written run.onnx · ")
    [row] = [line for line in answer.out.splitlines() if "cls/probabilities" in line]
    assert cell in row
    assert "does not say what the checkpoint says" in answer.err
    assert found in answer.err
    assert "--no-verify" in answer.err
    assert contents(Path()) == before
    said = cli("export", trained, "--out", "new.onnx", "--json")
    assert said.code == 1
    verified: Any = said.json["verified"]
    assert (said.json["placed"], verified["fine"]) == (False, False)
    assert {check["name"] for check in verified["tensors"] if not check["fine"]} >= {
        "cls/probabilities"
    }
    assert contents(Path()) == before


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), 1, "cannot write: No space left"),
        (KeyboardInterrupt(), 130, ""),
        (RuntimeError("what nobody foresaw"), 1, "what nobody foresaw"),
    ],
)
def test_whatever_goes_wrong_nothing_half_written_remains(
    cli: Cli,
    converted: Convert,
    trained: Path,
    exported: Exported,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    code: int,
    told: str,
) -> None:
    shutil.copy(exported.file, "run.onnx")
    before = contents(Path())

    def save(proto: Any, path: str) -> None:
        assert Path(path).resolve().parent == Path.cwd()
        Path(path).write_bytes(b"the first half")
        raise error

    monkeypatch.setattr(onnx, "save_model", save)
    answer = cli("export", trained)
    assert answer.code == code
    assert told in answer.err
    assert answer.out == ""
    assert contents(Path()) == before


@pytest.mark.slow
def test_a_task_alone_brings_nothing_of_the_other(
    cli: Cli, trained: Path, exported: Exported, data: Path
) -> None:
    answer = cli("export", trained, "--tasks", "cls", "--json")
    assert answer.code == 0, answer.err
    file = Path("run-cls.onnx")
    proto = onnx.load(file)
    assert [output.name for output in proto.graph.output] == ["cls/probabilities", "cls/class"]
    foreign = [own for own in onnx.load(exported.file).graph.initializer if _is_of_det(own.name)]
    assert not [own.name for own in proto.graph.initializer if _is_of_det(own.name)]
    saved = sum(onnx.numpy_helper.to_array(own).nbytes for own in foreign)
    assert saved > 90_000
    assert file.stat().st_size < exported.file.stat().st_size - saved
    refused(cli("predict", file, data / "images", "--tasks", "det"), "no task det")
    said: Any = cli("predict", file, data / "images", "--json").json
    assert {name for row in said["predictions"] for name in row["tasks"]} == {"cls"}


def _is_of_det(name: str) -> bool:
    """Whether a weight is of its head, or of the pyramid, that no other task reads."""
    return "heads.det." in name or ".pyramid." in name


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", [["--format", "pt2"], ["--raw", "--dynamic", "none"], ["--dynamic", "size"]], ids=str
)
def test_however_it_is_exported_it_says_the_same(
    cli: Cli, trained: Path, data: Path, words: list[str]
) -> None:
    answer = cli("export", trained, "--json", *words)
    assert answer.code == 0, answer.err
    file: Any = answer.json["file"]
    assert file == {"pt2": "run.pt2", "none": "run-raw.onnx", "size": "run.onnx"}[words[-1]]
    own = cli("eval", file, "--config", data / "mtcli.yaml", "--json")
    assert own.code == 0, own.err
    before = cli("eval", trained, "--json").json
    assert _metrics(own.json) == pytest.approx(_metrics(before), abs=1e-3)
    lines = [cli("predict", model, data / "images").out for model in (trained, file)]
    assert lines[0] == lines[1]
    half = Path(file).with_stem("half")
    _half(half, Path(file))
    refused(cli("predict", half, data / "images"), "the file is damaged", half.name)


@pytest.mark.slow
def test_an_opset_that_is_too_low_is_named(cli: Cli, trained: Path) -> None:
    answer = cli("export", trained, "--opset", 9, "--no-verify")
    refused(answer, "--opset 9", "ArgMax (13)", "mend   --opset 18")
    assert not any(Path().iterdir())
    assert cli("export", trained, "--opset", 18, "--no-verify").code == 0
    (opset,) = [entry for entry in onnx.load("run.onnx").opset_import if entry.domain == ""]
    assert opset.version == 18


@pytest.mark.slow
def test_int8_tells_what_each_task_loses(
    cli: Cli, converted: Convert, trained: Path, exported: Exported, data: Path
) -> None:
    words = ["export", trained, "--precision", "int8", "--calibrate", 4]
    answer = cli(*words, "--json")
    assert answer.code == 0, answer.err
    assert (answer.json["precision"], answer.json["file"]) == ("int8", "run-int8.onnx")
    losses: Any = answer.json["losses"]
    assert {name: own["metric"] for name, own in losses.items()} == {
        "cls": "accuracy",
        "det": "map",
    }
    before: Any = cli("eval", trained, "--json").json
    after: Any = cli("eval", "run-int8.onnx", "--config", data / "mtcli.yaml", "--json").json
    for name, own in losses.items():
        assert own["before"] == _of(before["tasks"][name])[own["metric"]]
        assert own["after"] == _of(after["tasks"][name])[own["metric"]]
    assert Path("run-int8.onnx").stat().st_size < 0.5 * exported.file.stat().st_size
    said = cli(*words)
    assert said.out.startswith(" replaced run-int8.onnx · onnx, int8")
    assert "  accuracy 1.000 → " in said.out
