"""Fetching a public set that is not on this machine, or saying in one sentence how to get it."""

import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from src.errors import UserError

if TYPE_CHECKING:
    from src.sources.image_set import ImageSet

KaggleDownload = Callable[[str], str]


def fetch(dataset: "ImageSet", root: Path, *, kaggle_download: KaggleDownload | None = None) -> Path:
    """Download a set from Kaggle into `root/<name>`.

    kagglehub unpacks into its own cache; the files are then linked (or copied, across disks) beside their place and
    renamed into it, so that `root/<name>` is either absent or complete. Links found in the download are not followed.

    Args:
        dataset: the set.
        root: the data root.
        kaggle_download: handle → folder of the unpacked set; `kagglehub.dataset_download` where not given.

    Returns:
        The folder `root/<name>`.

    Raises:
        UserError: the set cannot be fetched; the sentence says where to get it and where to put it.
    """
    place = root / dataset.name
    if not dataset.kaggle:
        raise UserError(where_to_get(dataset, root))
    if kaggle_download is None:
        try:
            from kagglehub import dataset_download

            kaggle_download = dataset_download
        except Exception:  # absent, or an installation that does not import
            hint = "pip install -e .[kaggle] fetches it for you"
            raise UserError(where_to_get(dataset, root, hint)) from None
    beside = root / f".{dataset.name}-{uuid.uuid4().hex}.partial"
    try:
        unpacked = Path(kaggle_download(dataset.kaggle))
        root.mkdir(parents=True, exist_ok=True)
        shutil.copytree(unpacked, beside, copy_function=_link_or_copy, ignore=_links)
        if not place.exists() or not any(place.iterdir()):
            beside.rename(place)
    except Exception as error:  # offline, no account, no space: to the user they are one thing, "get it yourself"
        if isinstance(error, shutil.Error):  # copytree's own, a list of (source, target, reason)
            error = OSError(error.args[0][0][2])
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:160]
        raise UserError(where_to_get(dataset, root, f"fetching it failed: {reason}")) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return place


def where_to_get(dataset: "ImageSet", root: Path, remark: str = "") -> str:
    """One sentence for a set that is not there: what is missing, where to get it and where to put it."""
    place = root / dataset.name
    note = f" ({remark})" if remark else ""
    if dataset.origin:
        said = f"The dataset '{dataset.name}' is not in {place}, and has no page of its own"
        return f"{said}: it was {dataset.origin}{note}."
    if not dataset.page_url:
        return f"The dataset '{dataset.name}' is not in {place}, and it has no public page to fetch it from{note}."
    return (
        f"The dataset '{dataset.name}' is not in {place}: download it from {dataset.page_url} and unpack it into that "
        f"folder{note}."
    )


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _links(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if Path(folder, name).is_symlink()]
