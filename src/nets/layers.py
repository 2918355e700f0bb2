"""Layers that say what the plain ones say and train in much less time on a CPU."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class StrideAfterwards(nn.Conv2d):
    """A depthwise convolution of stride 2 that computes every position and keeps every second while it learns on a CPU.

    The same numbers to the bit, under the same names in a checkpoint. In bfloat16 the gradient of a strided depthwise
    convolution is so slow there (torch 2.14: the four of MobileNetV2 take most of a training step) that four times the
    forward work is a bargain. In float32, without a gradient, and on a GPU, it is the plain convolution.
    """

    def forward(self, images: Tensor) -> Tensor:
        learns = torch.is_grad_enabled() and (images.requires_grad or self.weight.requires_grad)
        if not learns or images.dtype != torch.bfloat16 or images.device.type != "cpu":
            return super().forward(images)
        everywhere = functional.conv2d(images, self.weight, self.bias, 1, self.padding, self.dilation, self.groups)
        return everywhere[:, :, ::2, ::2].contiguous(memory_format=torch.channels_last)


def stride_afterwards(network: nn.Module) -> None:
    """Make `StrideAfterwards` of every depthwise convolution of stride 2 in `network`; weights stay where they are."""
    for module in network.modules():
        if type(module) is nn.Conv2d and module.groups == module.in_channels > 1 and module.stride == (2, 2):
            module.__class__ = StrideAfterwards


class ApartReLU6(nn.ReLU6):
    """ReLU6 that overwrites its input only where no gradient is asked for: with one, torch copies the input first."""

    def forward(self, images: Tensor) -> Tensor:
        learns = torch.is_grad_enabled() and images.requires_grad
        return functional.relu6(images, inplace=self.inplace and not learns)


def relu6_apart(network: nn.Module) -> None:
    """Make `ApartReLU6` of every ReLU6 in `network`."""
    for module in network.modules():
        if type(module) is nn.ReLU6:
            module.__class__ = ApartReLU6


class GlobalAveragePooling(nn.Module):
    """Global average pooling: `(batch, channels, height, width)` → `(batch, channels)`, means.

    torch's own gradient of it is one number a channel, stretched over the map without memory of its own. Every layer
    below that receives such a thing leaves its quick way: MobileNetV2's neck trained eight times as long.
    """

    def forward(self, images: Tensor) -> Tensor:
        if torch.is_grad_enabled() and images.requires_grad:
            return _GlobalAveragePooling.apply(images)
        return images.mean((2, 3))


class _GlobalAveragePooling(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor) -> Tensor:
        ctx.shape = images.shape
        return images.mean((2, 3))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        batch, channels, height, width = ctx.shape
        everywhere = (gradient / (height * width))[:, None, None, :].expand(batch, height, width, channels)
        return everywhere.contiguous().permute(0, 3, 1, 2)
