"""An image as text inside a page."""

import base64

import cv2
import numpy as np

_SIDE_PX = 112
_JPEG_QUALITY = 82


def data_uri(image: np.ndarray) -> str:
    """A small JPEG, 112 pixels a side, of `(size, size, 3) uint8` RGB."""
    smaller = cv2.INTER_AREA if image.shape[0] > _SIDE_PX else cv2.INTER_CUBIC
    small = cv2.resize(np.asarray(image), (_SIDE_PX, _SIDE_PX), interpolation=smaller)
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode("ascii")
