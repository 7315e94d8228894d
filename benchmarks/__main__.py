"""`python -m benchmarks [--config FILE] [--set KEY=VALUE] [--only NAME] [--seeds 0,1]`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks import (
    cached,
    datacheck,
    export,
    fusion,
    halves,
    heads,
    loop,
    mixing,
    multitask,
    seeds,
    sharing,
    transfer,
)
from benchmarks.trainings import markdown
from mtcli.core.configfile import load_config
from mtcli.core.runtime import choose_runtime, describe_environment

HERE = Path(__file__).parent
TITLES = {
    "multitask": "All tasks on one trunk against each on its own (an epoch of each in turn)",
    "halves": "The same, each task with a random half of its labels",
    "heads": "Each other head that a task may choose, the task on its own",
    "cached": "A frozen trunk run each epoch against its features cached (epochs take turns)",
    "mixing": "Mixing policies: labels drawn of each task, and its metric over the seeds",
    "transfer": "Accuracy / macro F1 by the trunk's start, what learns, and the share of labels",
    "sharing": "Ways of sharing a trunk under the same budget (epochs take turns)",
    "fusion": "Ways of fusing several inputs against the first alone, and with one missing",
    "export": "A model in each format it is shipped in: metrics on val, and one picture at a time",
    "apart": "One ONNX file of all tasks beside one for each, asked one after another",
    "loop": "A whole training epoch against the same steps on ready tensors (in turn)",
    "datacheck": "mtcli data check against reading the same files alone (in turn)",
    "seeds": "One config under several seeds",
}


def main() -> None:
    """Measure, print the tables, and keep them as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--config", type=Path, default=HERE.parent / "sample_data" / "mtcli.yaml")
    parser.add_argument("--set", dest="sets", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--only", choices=TITLES, action="append")
    parser.add_argument(
        "--seeds", default="0,1", help="for seeds, mixing, transfer, sharing and fusion"
    )
    parser.add_argument("--tasks", help="for sharing: those to learn, cls,det for example")
    parser.add_argument(
        "--run", type=Path, help="for export and apart: a trained one; else one is trained now"
    )
    parser.add_argument("--name", default="sample", help="of the file below benchmarks/results")
    given = parser.parse_args()
    numbers = [int(seed) for seed in given.seeds.split(",")]
    # Seeds take long and say nothing of speed: only when asked for.
    for name in given.only or ("multitask", "loop", "cached"):
        if name == "multitask":
            rows = multitask.measure(given.config, given.sets)
        elif name == "halves":
            rows = halves.measure(given.config, given.sets)
        elif name == "heads":
            rows = heads.measure(given.config, given.sets)
        elif name == "loop":
            rows = loop.measure(given.config, given.sets, epochs=8)
        elif name == "cached":
            rows = cached.measure(given.config, given.sets)
        elif name == "datacheck":
            rows = datacheck.measure(given.config, given.sets)
        elif name == "transfer":
            rows = transfer.measure(given.config, given.sets, numbers)
        elif name == "sharing":
            tasks = given.tasks.split(",") if given.tasks else None
            rows = sharing.measure(given.config, given.sets, numbers, tasks)
        elif name == "fusion":
            rows = fusion.measure(given.config, given.sets, numbers)
        elif name == "export":
            rows = export.measure(given.run, given.config, given.sets)
        elif name == "apart":
            rows = export.measure_apart(given.run, given.config, given.sets)
        elif name == "mixing":
            rows = mixing.measure(given.config, given.sets, numbers)
        else:
            rows = seeds.measure(given.config, given.sets, numbers)
        print(f"\n{TITLES[name]}\n\n{markdown(rows)}", flush=True)
        _keep(f"{given.name}-{name}", TITLES[name], rows, given)


def _keep(name: str, title: str, rows: list[dict[str, Any]], given: argparse.Namespace) -> None:
    config = load_config(given.config, given.sets)
    environment = describe_environment(choose_runtime(config.train.device, config.train.precision))
    environment.pop("platform")
    content = {"title": title, "changes": given.sets, "rows": rows, "environment": environment}
    path = HERE / "results" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
