"""mtcli train --folds: the options of a cross-validation, and its course."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from mtcli.core.errors import UsageError
from mtcli.core.run import Run

if TYPE_CHECKING:
    from mtcli.console.output import Output
    from mtcli.core.config import Config
    from mtcli.recipes.train import NewRun


@dataclass(frozen=True, slots=True)
class FoldOptions:
    """What the command line says of folds.

    Attributes:
        folds: how many.
        fold: the one to train.
        stratify: the task by which pictures are divided.
        group: the column whose pictures stay together.
    """

    folds: int | None
    fold: int | None
    stratify: str | None
    group: str | None

    def check(self, name: str | None, resumed: bool) -> None:
        """See that options that need others have them.

        Raises:
            UsageError: one stands alone.
        """
        if self.folds is None:
            for option, value in (("--stratify", self.stratify), ("--group", self.group)):
                if value is not None:
                    raise UsageError(f"{option} is of a cross-validation", expected="--folds K too")
            if self.fold is not None and not resumed:
                raise UsageError("--fold is of a cross-validation", expected="--folds K too")
        elif self.folds < 2:
            raise UsageError(f"--folds {self.folds}", expected="2 or more")
        elif self.fold is not None and self.fold > self.folds:
            raise UsageError(f"--fold {self.fold}: there are {self.folds} folds")
        if self.folds is not None and self.fold is not None and name is None:
            raise UsageError("--fold needs --name", expected="the name that all folds' set has")
        if self.fold is not None and self.fold < 1:
            raise UsageError(f"--fold {self.fold}: folds count from 1")


def train_folds(config: Config, where: NewRun | Run, said: FoldOptions, output: Output) -> None:
    """Train the folds of a new set, or go on with one that lies in a folder.

    Raises:
        MtcliError: see `mtcli.core.errors`.
    """
    from mtcli.console.folds import FoldsView
    from mtcli.core.configfile import load_config
    from mtcli.core.foldset import FoldSet
    from mtcli.recipes.crossvalidate import Division, begin_folds, cross_validate

    if isinstance(where, Run):
        found = FoldSet(where.path)
    else:
        from mtcli.core.data.groups import find_group

        assert said.folds is not None
        if said.group is not None:
            group = find_group(config, said.group)
            data = config.data.model_copy(update={"group": group})
            config = config.model_copy(update={"data": data})
        division = Division(said.folds, said.stratify)
        found = begin_folds(config, where, division, joining=said.fold is not None)
    # From its own file, which says what the folds have in common: the classes of all.
    settings = load_config(found.config)
    here = {"device": config.train.device, "precision": config.train.precision}
    settings = settings.model_copy(update={"train": settings.train.model_copy(update=here)})
    with FoldsView(output) as view:
        for event in cross_validate(settings, found, said.fold):
            view.show(event)
        view.result()
    if view.interrupted is not None:
        fold = "" if said.fold is None else f" --fold {said.fold}"
        output.note(f"saved; go on with: mtcli train --resume {found.path}{fold}")
        raise typer.Exit(128 + view.interrupted)
