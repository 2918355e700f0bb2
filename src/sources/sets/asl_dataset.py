"""ASL Dataset: signer and light stand in the file names."""

import re

from src.sources.image_set import ImageSet, Told
from src.sources.layouts.class_folders import ClassFolders

# A burst's shots are numbered from 1 under each light; this keeps the bursts of one hand apart in the frame order.
_FRAMES_PER_LIGHT = 1000
# Numbered by name alone, so that a light's number does not depend on which other files are there.
_LIGHTS = ("bot", "dif", "left", "right", "top")


class AslDataset(ImageSet):
    """A set whose `path_pattern` also tells the `light`: shots under another light are another burst."""

    def told_by_path(self, key: str) -> Told:
        told = super().told_by_path(key)
        match = self.path_pattern.search(key) if self.path_pattern else None
        if match is None:
            return told
        light = match["light"].lower()
        number = _LIGHTS.index(light) if light in _LIGHTS else len(_LIGHTS)
        return told._replace(frame=told.frame + _FRAMES_PER_LIGHT * number)


ASL_DATASET = AslDataset(
    name="asl_dataset",
    title="ASL Dataset (36 signs, black background)",
    kaggle="ayuraj/asl-dataset",
    page_url="https://www.kaggle.com/datasets/ayuraj/asl-dataset",
    licence="see page",
    images=2515,
    is_cut_out=True,
    layouts=(ClassFolders(),),
    path_pattern=re.compile(
        r"(?P<signer>hand\d+)_(?P<label>[0-9a-z])_(?P<light>[a-z]+)_seg_(?P<frame>\d+)_cropped\.", re.IGNORECASE
    ),
    remarks=(
        (
            "5 signers (hand1 … hand5), up to 5 lights each, bursts of 5: more than half of the images have a "
            "near-duplicate in their class, so a random split leaks."
        ),
        "The download holds the whole set twice, one copy inside the other.",
        "People report some 4 and 5 in each other's folder.",
    ),
)
