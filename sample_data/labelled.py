"""What is known about each picture of the sample data, and what nobody labelled."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scenes import KINDS, Drawing, Scene

Mask = npt.NDArray[np.bool_]

# Real data has gaps, so these pictures lack one kind of label. The steps share no factor with
# the four scenes that take turns, so that every scene is hit.
UNLABELLED = {
    "scene": range(3, 200, 17),
    "count": range(5, 200, 29),
    "tags": range(11, 200, 23),
    "boxes": range(9, 140, 21),
    "points": range(8, 200, 37),
}
DEGENERATE_BOX = 25  # this picture has one box of no width besides its good ones


@dataclass(frozen=True)
class Example:
    """One picture with all that is known about it."""

    scene: Scene
    drawing: Drawing

    @property
    def name(self) -> str:
        """The name that its picture, depth and mask share."""
        return f"scene_{self.scene.number:04d}"

    def visible(self, index: int) -> Mask:
        """Find the pixels that show the object of this index."""
        return np.equal(self.drawing.owner, index)

    def has_label(self, label: str) -> bool:
        """Tell whether somebody labelled the picture for this."""
        return self.scene.number not in UNLABELLED[label]

    def words(self) -> Mapping[str, str | int | list[str] | None]:
        """Say scene, count and tags, None where nobody labelled the picture for it."""
        present = {item.kind for item in self.scene.objects}
        words: dict[str, str | int | list[str]] = {
            "scene": self.scene.background,
            "count": len(self.scene.objects),
            "tags": [kind for kind in KINDS if kind in present],
        }
        return {name: word if self.has_label(name) else None for name, word in words.items()}

    def boxes(self) -> list[tuple[str, list[int]]]:
        """Measure what is visible of each object: kind, and left, top, width and height."""
        boxes = [
            (item.kind, bounding_box(self.visible(index)))
            for index, item in enumerate(self.scene.objects)
        ]
        if self.scene.number == DEGENERATE_BOX:
            kind, (left, top, _, height) = boxes[0]
            boxes.append((kind, [left, top, 0, height]))
        return boxes


def bounding_box(mask: Mask) -> list[int]:
    """Measure left, top, width and height of the mask's pixels."""
    rows, columns = np.nonzero(mask)
    left, top = int(columns.min()), int(rows.min())
    return [left, top, int(columns.max()) + 1 - left, int(rows.max()) + 1 - top]
