"""What encoders of frame sequences are made of: each part keeps padding at zero or never looks at it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """The mean over the frames that are there, `[batch, width]`, of values `[batch, num_frames, width]`."""
    kept = values.masked_fill(~mask[:, :, None], 0.0)
    return kept.sum(1) / mask.sum(1, keepdim=True).clamp(min=1)


class FeedForward(nn.Module):
    """A multilayer perceptron on each frame by itself; it is given the mask as the other parts are, and needs none."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.inner, self.outer = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """What to add to each frame, `[batch, num_frames, width]`."""
        inner = functional.gelu(self.inner(self.norm(hidden)), approximate="tanh")
        added: Tensor = self.dropout(self.outer(self.dropout(inner)))
        return added


class SelfAttention(nn.Module):
    """Every frame asks all frames that are there."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.asked, self.outer = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """What to add to each frame, `[batch, num_frames, width]`."""
        batch, length, width = hidden.shape
        asked = self.asked(self.norm(hidden)).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = asked.permute(2, 0, 3, 1, 4)  # each [batch, heads, num_frames, width / heads]
        heard = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask[:, None, None, :])
        joined = heard.transpose(1, 2).reshape(batch, length, width)
        added: Tensor = self.dropout(self.outer(joined))
        return added


class Convolution(nn.Module):
    """A frame and its neighbours: pointwise, gate, depthwise, pointwise, as in the Conformer."""

    def __init__(self, width: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.norm, self.inner_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.inner, self.outer = nn.Linear(width, 2 * width), nn.Linear(width, width)
        self.depthwise = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """What to add to each frame, `[batch, num_frames, width]`."""
        gated = functional.glu(self.inner(self.norm(hidden)), dim=2).masked_fill(~mask[:, :, None], 0.0)
        beside = self.depthwise(gated.transpose(1, 2)).transpose(1, 2)
        added: Tensor = self.dropout(self.outer(functional.silu(self.inner_norm(beside))))
        return added


class GatedPooling(nn.Module):
    """What frames say, each as far as a gate lets it through, and what the encoder makes of them by attention.

    A gate is a number between 0 and 1 that the encoded frame decides; what goes through is a plain projection of the
    frame. The sum is divided by 1 + the sum of the gates: few open gates add up, many are averaged. After Ilse et al.,
    "Attention-based Deep Multiple Instance Learning", 2018, arXiv 1802.04712.
    """

    def __init__(self, width: int, heads: int, value_dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.gate, self.score = nn.Linear(width, heads), nn.Linear(width, 1)
        self.out_norm = nn.LayerNorm(heads * value_dim)

    def forward(self, hidden: Tensor, values: Tensor, mask: Tensor) -> Tensor:
        """One row a track, `[batch, heads · value_dim + width]`."""
        hidden = self.norm(hidden)
        gate = torch.sigmoid(self.gate(hidden)).masked_fill(~mask[:, :, None], 0.0)  # [batch, num_frames, heads]
        summed = gate.transpose(1, 2) @ values / (1 + gate.sum(1))[:, :, None]  # [batch, heads, value_dim]
        weight = torch.softmax(self.score(hidden).masked_fill(~mask[:, :, None], -torch.inf), dim=1)
        return torch.cat([self.out_norm(summed.flatten(1)), (weight * hidden).sum(1)], dim=1)
