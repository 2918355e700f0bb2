"""A user's own images, wherever they are."""

from pathlib import Path

from src.errors import UserError
from src.sources.image_set import ImageSet
from src.sources.layouts.class_folders import ClassFolders
from src.sources.layouts.manifest_csv import ManifestCsv
from src.sources.source import Places


class OwnFolder(ImageSet):
    """The folder that `datamodule.folder` names."""

    def lies_in(self, root: Path) -> bool:
        return False

    def starts(self, places: Places) -> list[Path]:
        """The folder.

        Raises:
            UserError: none is named, or it is not there.
        """
        if places.folder is None:
            raise UserError("The source 'folder' needs to know where your images are: give the folder that holds them.")
        if not Path(places.folder).is_dir():
            raise UserError(f"The image folder {places.folder} does not exist; give the folder that holds your images.")
        return [Path(places.folder).absolute()]


OWN_FOLDER = OwnFolder(
    name="folder",
    title="Your own images",
    layouts=(ManifestCsv(), ClassFolders()),
    remarks=(
        (
            "One folder a class, named after the sign, or a manifest.csv with the columns path, label and, where "
            "known, signer and frame."
        ),
    ),
)
