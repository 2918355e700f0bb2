"""Rendered hands as the network is shown them: turned, moved, relit, partly covered, their answers with them."""

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from src.learning.pretraining.questions import KEYPOINT_SPREAD, SHAPE_SPREAD, Asked
from src.synthetic.pose_set import RandomPoses
from src.synthetic.skeleton import ANGLE_LIMITS, KEYPOINTS

NUM_DRAWS = 22
_WRIST, _MIDDLE_KNUCKLE = KEYPOINTS.index("wrist"), KEYPOINTS.index("middle_mcp")


def augmented(poses: RandomPoses, indices: np.ndarray, draws: np.ndarray | None, size_px: int) -> Asked:
    """Images turned, moved, scaled, mirrored, relit and partly covered, their answers with them.

    Args:
        poses: the set.
        indices: (batch,) which images of it.
        draws: (batch, NUM_DRAWS) in [0, 1), what is done to each; None leaves them as they are.
        size_px: side of the images that come out.

    Returns:
        Images (batch, 3, size, size) float32 in [0, 1] and targets.
    """
    drawn = np.full((len(indices), NUM_DRAWS), 0.5) if draws is None else draws
    u = torch.from_numpy(drawn.astype(np.float32))
    count = len(indices)
    images = torch.from_numpy(poses.images[indices]).permute(0, 3, 1, 2).contiguous().float() / 255

    # Image: in = turn · diag(mirror · width, height) · out + shift, both from -1 to 1.
    mirror = torch.where(u[:, 0] < 0.5, -1.0, 1.0)
    zoom = torch.exp2(0.6 * (u[:, 1] - 0.5))
    stretch = torch.exp2(0.3 * (u[:, 2] - 0.5))
    angle = math.radians(50) * (u[:, 3] - 0.5)
    shift = 0.3 * (u[:, 4:6] - 0.5)
    cos, sin = torch.cos(angle), torch.sin(angle)
    turn = torch.stack([cos, -sin, sin, cos], 1).view(count, 2, 2)
    scale = torch.stack([mirror * stretch / zoom, 1 / (zoom * stretch)], 1)
    matrix = torch.cat([turn * scale[:, None, :], shift[:, :, None]], 2)
    grid = functional.affine_grid(matrix, [count, 3, size_px, size_px], align_corners=False)
    images = functional.grid_sample(images, grid, padding_mode="border", align_corners=False)

    keypoints = torch.from_numpy((2 * poses.keypoints_px[indices] + 1) / poses.images.shape[1] - 1)
    keypoints = torch.einsum("bji,bpj->bpi", turn, keypoints - shift[:, None]) / scale[:, None]
    joints = torch.from_numpy(poses.joints_mm[indices])
    palm = (joints[:, _MIDDLE_KNUCKLE] - joints[:, _WRIST]).norm(dim=1)
    joints = (joints - joints.mean(1, keepdim=True)) / palm[:, None, None]
    flat = torch.einsum("bji,bpj->bpi", turn, joints[..., :2])
    joints = torch.stack([flat[..., 0] * mirror[:, None], flat[..., 1], joints[..., 2]], 2)

    covered = _relit_and_covered(images, u[:, 6:], keypoints)
    low, high = torch.from_numpy(ANGLE_LIMITS.astype(np.float32)).T
    angles = (torch.from_numpy(poses.joint_angles[indices]) - (low + high) / 2) / (high - low) * math.sqrt(12)
    visible = torch.from_numpy(poses.visible[indices]) & (keypoints.abs() <= 1).all(2) & ~covered
    left = torch.from_numpy(poses.left_handed[indices]) ^ (mirror < 0)
    targets = {
        "keypoints": keypoints.flatten(1) / KEYPOINT_SPREAD,
        "shape": joints.flatten(1) / SHAPE_SPREAD,
        "angles": angles,
        "visible": visible.float(),
        "left_handed": left.float()[:, None],
    }
    return Asked(images.contiguous(memory_format=torch.channels_last), targets)


def _relit_and_covered(images: Tensor, u: Tensor, keypoints: Tensor) -> Tensor:
    """Change `images` in place; (batch, 21) bool: which keypoints lie under the patch that was put on some of them."""

    def column(values: Tensor) -> Tensor:
        return values[:, None, None, None]

    images.pow_(column(torch.exp2(1.2 * (u[:, 0] - 0.5))))
    grey = images.mean(1, keepdim=True)
    images.lerp_(grey, column(torch.where(u[:, 1] < 0.1, 1.0, 0.8 * (u[:, 1] - 0.5))))
    images.sub_(0.5).mul_(column(torch.exp2(1.2 * (u[:, 2] - 0.5)))).add_(column(0.5 + 0.4 * (u[:, 3] - 0.5)))
    images.mul_(1 + 0.3 * (u[:, 4:7, None, None] - 0.5)).clamp_(0, 1)

    has_patch = u[:, 7] < 0.12
    middle, half = 2 * u[:, 8:10] - 1, 0.1 + 0.3 * u[:, 10:12]
    for i in torch.nonzero(has_patch).flatten().tolist():
        corner = ((middle[i] - half[i] + 1) / 2 * images.shape[2]).round().int().clamp(min=0).tolist()
        end = ((middle[i] + half[i] + 1) / 2 * images.shape[2]).round().int().clamp(min=0).tolist()
        images[i, :, corner[1] : end[1], corner[0] : end[0]] = u[i, 12:15, None, None]
    inside = ((keypoints - middle[:, None]).abs() <= half[:, None]).all(2)
    return inside & has_patch[:, None]
