"""Images that carry their label in their own name."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from src.sources.layouts.layout import Layout
from src.sources.records import NO_FRAME
from src.sources.tree import Folder, is_image

if TYPE_CHECKING:
    from src.sources.search import Search


@dataclass(frozen=True)
class LabelledFiles(Layout):
    """Files in any folder that holds no class folders.

    Attributes:
        pattern: matches the whole of `folder/file name`; its named group `label`, and `signer` and `frame` where it
            has them, say what the name tells.
    """

    pattern: re.Pattern[str]
    expected = "files named after their class"

    def take(self, folder: Folder, search: "Search") -> Iterable[Folder]:
        for name in folder.files:
            if is_image(os.path.join(folder.path, name)) and (match := self.pattern.fullmatch(f"{folder.name}/{name}")):
                told = match.groupdict()
                frame = int(told.get("frame") or NO_FRAME)
                search.add(folder, name, told["label"], signer=told.get("signer") or "", frame=frame)
        return ()
