"""Depthwise convolutions of stride 2 that train quickly on a CPU."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class StrideAfterwards(nn.Conv2d):
    """A depthwise convolution of stride 2 that computes every place and keeps every second while it learns on a CPU.

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
