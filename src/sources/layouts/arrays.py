"""X.npy with the images and Y.npy with their classes, as tutorials save them."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from src.errors import UserError
from src.sources.layouts.rows import Rows
from src.sources.tree import Folder

if TYPE_CHECKING:
    import numpy as np

    from src.sources.source import Places


@dataclass(frozen=True)
class Arrays(Rows):
    """One pair of arrays a folder; a row of X.npy is an image, (height, width) or (height, width, 1 or 3).

    Attributes:
        classes: the raw label of each column of a one-hot Y.npy, or of each number in it.
    """

    classes: tuple[str, ...] = ()
    expected = "X.npy with Y.npy"

    def groups_in(self, folder: Folder) -> Iterable[tuple[str, ...]]:
        by_name = {name.casefold(): os.path.join(folder.path, name) for name in folder.files}
        if {"x.npy", "y.npy"} <= by_name.keys():
            yield by_name["x.npy"], by_name["y.npy"]

    def labels(self, files: tuple[str, ...], places: "Places") -> Sequence[str]:
        import numpy as np

        from src.sources.npy_rows import open_images

        images_path, labels_path = files
        images, columns = open_images(images_path), self._columns(labels_path)
        if len(images) != len(columns):
            raise UserError(f"{images_path} has {len(images)} images but {labels_path} has {len(columns)} labels.")
        counts = tuple(np.bincount(columns, minlength=len(self.classes)).tolist())
        classes = self.classes_of_columns(labels_path, counts, places)
        return [classes[column] for column in columns.tolist()]

    def classes_of_columns(self, labels_path: str, counts: tuple[int, ...], places: "Places") -> Sequence[str]:
        """The raw label of each column, for a set whose files do not always have them in one order.

        Args:
            labels_path: Y.npy.
            counts: images a column.
            places: what the user says.

        Raises:
            UserError: the order cannot be told.
        """
        return self.classes

    def _columns(self, labels_path: str) -> "np.ndarray":
        """(images,) int64: the column, or the number, that each row of Y.npy names."""
        import numpy as np

        from src.sources.npy_rows import open_array

        labels, count = np.asarray(open_array(labels_path)), len(self.classes)
        expected = f"(images, {count}) one-hot or (images,) 0-{count - 1}"
        if labels.ndim == 2 and labels.shape[1] == count:
            if not (np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all()):
                raise UserError(f"{labels_path} is not one-hot: each row needs a single 1 among zeros.")
            return labels.argmax(axis=1)
        if labels.ndim == 1 and np.isin(labels, np.arange(count)).all():
            return labels.astype(np.int64)
        raise UserError(f"{labels_path} has the shape {labels.shape}; expected {expected}.")
