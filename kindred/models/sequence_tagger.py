"""A network that tags sequences of frames: an encoder over masked frames, attention pooling, one logit a tag.

Five encoders. The gates of the pooling do most of the work, so the one that reads frame by frame is the default:

* `transformer`: self-attention (Vaswani et al., "Attention Is All You Need", 2017, arXiv 1706.03762);
* `conformer`: the same between two half feed-forward layers, with a convolution (Gulati et al., "Conformer:
  Convolution-augmented Transformer for Speech Recognition", 2020, arXiv 2005.08100);
* `conv`: convolutions over time; `frames`: a multilayer perceptron on each frame; `mean`: one on the mean of all.

Padding is inert: whatever lies behind the end of a sequence is set to zero before anything looks at its neighbours, and
no attention falls on it.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from kindred.models.frame_encoder import Convolution, FeedForward, GatedPooling, SelfAttention, masked_mean
from kindred.training.schedule import FitConfig

EncoderName = Literal["transformer", "conformer", "conv", "frames", "mean"]


class TaggerConfig(FitConfig):
    """Settings of a tagging network and its training."""

    epochs: int = Field(12, ge=1, description="most epochs")
    patience: int = Field(3, ge=1, description="epochs without a better validation score before training stops")
    learning_rate: float = Field(2e-3, gt=0, description="at its highest")
    warmup_epochs: int = Field(1, ge=0, description="epochs of linear warm-up")
    weight_decay: float = Field(5e-2, ge=0, description="of AdamW")
    encoder: EncoderName = Field("frames", description="what reads the frames; mean sees their mean only")
    width: int = Field(128, ge=4, description="of what is known of a frame")
    layers: int = Field(1, ge=1, description="of the encoder")
    heads: int = Field(8, ge=1, description="of attention, and of the pooling")
    kernel: int = Field(3, ge=1, description="frames that a convolution sees at once; odd")
    dropout: float = Field(0.4, ge=0, lt=1)
    frame_drop: float = Field(0.2, ge=0, lt=1, description="share of the frames that a training step does not see")
    crop: int = Field(512, ge=1, description="most frames read of a track at once")
    mixup: float = Field(0.3, ge=0, description="of Beta(mixup, mixup), by which tracks are mixed; 0 for none")
    loss: Literal["bce", "focal"] = Field("bce", description="cross-entropy, or asymmetric focal loss")
    average: float = Field(0.99, ge=0, lt=1, description="how much of the average of weights stays in each step")
    batch_size: int = Field(64, ge=1, description="tracks a step")
    least_steps: int = Field(50, ge=1, description="of an epoch: few tracks are heard more than once in it")
    most_frames: int = Field(16_384, ge=1, description="frames a batch, padding included")
    folds: int = Field(1, ge=1, description="each held out of networks of its own; all networks answer together")
    seeds: int = Field(1, ge=1, description="networks a fold")


class FrameEncoder(nn.Module):
    """Frames around their mean, and the mean itself -> one row a track, `[batch, dim]`."""

    def __init__(self, frame_dim: int, config: TaggerConfig) -> None:
        super().__init__()
        width, kernel = config.width, 1 if config.encoder == "frames" else config.kernel
        self.neighbours = nn.Conv1d(frame_dim, width, kernel, padding=kernel // 2)
        self.from_mean = nn.Linear(frame_dim, width)
        self.dropout = nn.Dropout(config.dropout)
        self.parts = nn.ModuleList(part for _ in range(config.layers) for part in _parts(config))
        self.macaron = config.encoder == "conformer"
        value_dim = min(frame_dim, width)
        self.value = nn.Identity() if value_dim == frame_dim else nn.Linear(frame_dim, value_dim, bias=False)
        self.pool = GatedPooling(width, config.heads, value_dim)
        self.dim = config.heads * value_dim + width

    def forward(self, frames: Tensor, mean: Tensor, mask: Tensor, seen: Tensor) -> Tensor:
        """One row a track.

        Args:
            frames: zero where there is none, `[batch, num_frames, frame_dim]`.
            mean: of each track, `[batch, frame_dim]`.
            mask: where there are frames, `[batch, num_frames]`.
            seen: those of them that are looked at once every frame knows its neighbours.
        """
        around = (frames - mean[:, None, :]).masked_fill(~mask[:, :, None], 0.0)
        near = self.neighbours(around.transpose(1, 2)).transpose(1, 2)
        hidden = self.dropout(near + self.from_mean(mean)[:, None, :])
        for part in self.parts:
            added = part(hidden, seen)
            hidden = hidden + (0.5 * added if self.macaron and isinstance(part, FeedForward) else added)
        pooled: Tensor = self.pool(hidden, self.value(around), seen)
        return pooled


def _parts(config: TaggerConfig) -> list[nn.Module]:
    """The parts of one layer, in order."""
    width, dropout = config.width, config.dropout
    if config.encoder == "transformer":
        return [SelfAttention(width, config.heads, dropout), FeedForward(width, dropout)]
    if config.encoder == "conformer":
        return [
            FeedForward(width, dropout),
            SelfAttention(width, config.heads, dropout),
            Convolution(width, config.kernel, dropout),
            FeedForward(width, dropout),
        ]
    if config.encoder == "conv":
        return [Convolution(width, config.kernel, dropout)]
    return [FeedForward(width, dropout)]


class SequenceTagger(nn.Module):
    """Frames `[batch, num_frames, frame_dim]` and where they are, `[batch, num_frames]` -> logits `[batch, num_tags]`.

    A track's mean goes around the encoder to the logits, which the encoder then only has to correct.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, frame_dim: int, num_tags: int, config: TaggerConfig) -> None:
        super().__init__()
        width = config.width
        self.frame_drop = config.frame_drop
        self.register_buffer("mean", torch.zeros(frame_dim))
        self.register_buffer("deviation", torch.ones(frame_dim))
        self.skip = nn.Sequential(
            nn.Linear(frame_dim, 2 * width), nn.GELU(), nn.Dropout(config.dropout), nn.Linear(2 * width, num_tags)
        )
        self.encoder = None if config.encoder == "mean" else FrameEncoder(frame_dim, config)
        self.last = None if self.encoder is None else nn.Linear(self.encoder.dim, num_tags)
        self.dropout = nn.Dropout(config.dropout)

    @torch.no_grad()
    def set_prior(self, logits: Tensor) -> None:
        """Lets the untrained network answer with these, `[num_tags]`."""
        if self.last is not None:
            self.last.weight.zero_()
            self.last.bias.zero_()
        outer = self.skip[-1]
        assert isinstance(outer, nn.Linear)
        outer.bias.copy_(logits)

    def forward(self, frames: Tensor, mask: Tensor) -> Tensor:
        """Logits; at least one frame of each track must be there."""
        pooled, mean = self._pooled(frames, mask)
        logits: Tensor = self.skip(mean)
        if pooled is not None and self.last is not None:
            logits = logits + self.last(self.dropout(pooled))
        return logits

    def embed(self, frames: Tensor, mask: Tensor) -> Tensor:
        """What the logits are made from: the mean, and what the encoder makes of the frames, `[batch, …]`."""
        pooled, mean = self._pooled(frames, mask)
        return mean if pooled is None else torch.cat([mean, pooled], dim=1)

    def _pooled(self, frames: Tensor, mask: Tensor) -> tuple[Tensor | None, Tensor]:
        scaled = ((frames - self.mean) / self.deviation).masked_fill(~mask[:, :, None], 0.0)
        mean = masked_mean(scaled, mask)
        return None if self.encoder is None else self.encoder(scaled, mean, mask, self._seen(mask)), mean

    def _seen(self, mask: Tensor) -> Tensor:
        """The frames that are looked at: while training not all, but at least one."""
        if not self.training or self.frame_drop == 0:
            return mask
        seen = mask & (torch.rand(mask.shape, device=mask.device) >= self.frame_drop)
        return torch.where(seen.any(1, keepdim=True), seen, mask)
