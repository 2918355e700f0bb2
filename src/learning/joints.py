"""The joints of the hand as a second task: what says where they are also tells fingers apart.

A linear layer on what the head sees is asked for the 21 joints in the square, as in pretraining. It is no part of the
network: no stage, no fingerprint and no exported file knows of it, and nobody asks it after training.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional

from src.errors import UserError
from src.nets.stages import StagedNetwork

NUM_JOINTS = 21
_SPREAD = 0.2  # of joints in a square of 1.5 times the hand


class JointsTask(nn.Module):
    """The layer, and how wrong it is.

    Args:
        network: whose head's last linear layer is given the features.

    Raises:
        UserError: the head has no linear layer.
    """

    def __init__(self, network: StagedNetwork) -> None:
        super().__init__()
        features = _last_linear(network).in_features
        self.layer = nn.Linear(features, 2 * NUM_JOINTS)
        # No draw: a network with and without this task begins with the same weights and the same dropout.
        nn.init.zeros_(self.layer.weight)
        nn.init.zeros_(self.layer.bias)

    def forward(self, features: Tensor, joints: Tensor) -> Tensor:
        """The mean loss of a batch; 0 where no joint of it is known.

        Args:
            features: `(batch, features)`, see `seen_by_head`.
            joints: `(batch, 21, 2)` x, y as shares of the picture; NaN where unknown. What lies outside is not asked.
        """
        said = self.layer(features).float().view(-1, NUM_JOINTS, 2)
        asked = ((joints > 0) & (joints < 1)).all(dim=2, keepdim=True)
        wanted = torch.where(asked, (joints - 0.5) / _SPREAD, 0.0)
        wrong = functional.smooth_l1_loss(said, wanted, reduction="none", beta=0.5)
        return (wrong * asked).mean()


@contextmanager
def seen_by_head(network: StagedNetwork) -> Iterator[list[Tensor]]:
    """A list to which a pass through the network adds what its head's last linear layer is given."""
    features: list[Tensor] = []
    hook = _last_linear(network).register_forward_pre_hook(lambda _, given: features.append(given[0]))
    try:
        yield features
    finally:
        hook.remove()


def _last_linear(network: StagedNetwork) -> nn.Linear:
    head = [inner for owned in network.modules_of(network.stage_names[-1]) for inner in owned.modules()]
    linear = [inner for inner in head if isinstance(inner, nn.Linear)]
    if not linear:
        raise UserError("joints_weight needs a network whose head ends in a linear layer; this one has none.")
    return linear[-1]
