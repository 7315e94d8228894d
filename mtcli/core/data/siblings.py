"""Files that belong to pictures by their name: `a/b.png` to `a/b.jpg`."""

from __future__ import annotations

from pathlib import Path

from mtcli.core.data.faults import skipping
from mtcli.core.data.readers import stem
from mtcli.core.errors import DataError, and_more


def files_by_stem(
    folder: Path,
    endings: tuple[str, ...],
    suffix: str = "",
    problems: list[DataError] | None = None,
    sort: str = "label",
) -> dict[str, Path]:
    """The files below a folder by their names without `suffix` and ending.

    Args:
        folder: where they lie, in folders of its own as the pictures do.
        endings: of the files that count, in lower case.
        suffix: what stands between the picture's name and the ending.
        problems: takes files beyond the first of a name, which are then passed over.
        sort: what they are, for messages.

    Raises:
        DataError: there is none, or two differ in their ending only.
    """
    files: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.name.startswith("."):
            continue  # macOS leaves ._a.xml beside a.xml
        name = stem(path.relative_to(folder).as_posix())
        if path.suffix.lower() not in endings or not name.endswith(suffix) or not path.is_file():
            continue
        name = name.removesuffix(suffix)
        with skipping(problems):
            if name in files:
                raise DataError(
                    f"two {sort} files for one picture",
                    where=path,
                    found=f"also {files[name].name}",
                )
            files[name] = path
    if not files:
        raise DataError(
            f"no {sort} file in the folder",
            where=folder,
            expected=f"NAME{suffix} and one of {and_more([*endings], 4)}",
        )
    return files
