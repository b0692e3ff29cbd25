"""BERT as a function of its weights, for encoding only: the vectors of sentence-transformers, sooner.

Writing the forward pass out saves the import of transformers (several CPU seconds a command), projects queries, keys
and values in one product, and lets batches be formed by tokens. Equality with sentence-transformers is tested.

Papers: BERT (Devlin et al., 2018, arXiv 1810.04805); Sentence-BERT (Reimers and Gurevych, 2019, arXiv 1908.10084);
MiniLM (Wang et al., 2020, arXiv 2002.10957).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional as F

from kindred.features.weights import BertShape

Embed = Callable[[Tensor, Tensor], NDArray[np.floating]]

# A batch whose activations stay in the CPU's cache is fastest; a GPU wants enough of them to fill it.
_TOKENS_PER_BATCH = {"cpu": 2_048, "cuda": 65_536}


@dataclass(frozen=True)
class _Affine:
    weight: Tensor
    bias: Tensor


@dataclass(frozen=True)
class _Layer:
    query_key_value: _Affine
    attention_output: _Affine
    attention_norm: _Affine
    intermediate: _Affine
    output: _Affine
    output_norm: _Affine


class BertEncoder:
    """A mean-pooled, normalised BERT on one device in one precision."""

    def __init__(self, folder: Path, shape: BertShape, device: torch.device, dtype: torch.dtype) -> None:
        self.shape = shape
        self._device = device
        weights = {
            name.removeprefix("bert."): w.to(device, dtype)
            for name, w in load_file(folder / "model.safetensors").items()
        }
        self._layers = [_layer(weights, f"encoder.layer.{index}.") for index in range(shape.num_layers)]
        self._words = weights["embeddings.word_embeddings.weight"]
        # Every text is one segment, so the segment's embedding is the same at every position.
        self._positions = (
            weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
        )
        self._embedding_norm = _affine(weights, "embeddings.LayerNorm")
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(shape.max_length)

    @torch.inference_mode()
    def encode(self, texts: Sequence[str]) -> NDArray[np.float16]:
        """Vectors `[num_texts, hidden_size]` of length 1; texts of like length should come together."""
        return self.encode_with(self._embed, texts)

    def encode_with(self, embed: Embed, texts: Sequence[str]) -> NDArray[np.float16]:
        """The same, the network computed by `embed`."""
        vectors = np.empty((len(texts), self.shape.hidden_size), np.float16)
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch_fast(list(texts))]
        for rows in _batches([len(ids) for ids in tokens], _TOKENS_PER_BATCH[self._device.type]):
            vectors[rows] = embed(*_padded([tokens[row] for row in rows]))
        return vectors

    def _embed(self, ids: Tensor, is_token: Tensor) -> NDArray[np.float16]:
        is_padded = not bool(is_token.all())
        ids, is_token = ids.to(self._device), is_token.to(self._device)
        vectors = self.pooled(self.hidden(ids, is_token if is_padded else None), is_token)
        embedded: NDArray[np.float16] = vectors.to(torch.float16).cpu().numpy()
        return embedded

    def pooled(self, hidden: Tensor, is_token: Tensor) -> Tensor:
        """Mean over each text's tokens, of length 1, `[num_texts, hidden_size]`."""
        sums = (hidden.float() * is_token[:, :, None]).sum(dim=1)
        return F.normalize(sums / is_token.sum(dim=1, keepdim=True))

    def hidden(self, ids: Tensor, is_token: Tensor | None) -> Tensor:
        """Hidden states `[num_texts, longest, hidden_size]`; `is_token` None where no text is padded."""
        mask = None if is_token is None else is_token[:, None, None, :]
        hidden = self._norm(self._words[ids] + self._positions[: ids.shape[1]], self._embedding_norm)
        for layer in self._layers:
            attended = _linear(self._attend(_linear(hidden, layer.query_key_value), mask), layer.attention_output)
            hidden = self._norm(hidden + attended, layer.attention_norm)
            projected = _linear(F.gelu(_linear(hidden, layer.intermediate)), layer.output)
            hidden = self._norm(hidden + projected, layer.output_norm)
        return hidden

    def _attend(self, query_key_value: Tensor, mask: Tensor | None) -> Tensor:
        """Attention over `[num_texts, longest, 3 · hidden_size]`; `[num_texts, longest, hidden_size]`."""
        num_texts, longest, _ = query_key_value.shape
        # [num_texts, longest, 3, heads, head_dim] → three of [num_texts, heads, longest, head_dim]
        split = query_key_value.view(num_texts, longest, 3, self.shape.num_heads, -1).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(split[0], split[1], split[2], attn_mask=mask)
        # heads side by side again: [num_texts, longest, heads · head_dim]
        return attended.transpose(1, 2).reshape(num_texts, longest, self.shape.hidden_size)

    def _norm(self, hidden: Tensor, norm: _Affine) -> Tensor:
        return F.layer_norm(hidden, (self.shape.hidden_size,), norm.weight, norm.bias, self.shape.layer_norm_eps)


def _linear(inputs: Tensor, affine: _Affine) -> Tensor:
    return F.linear(inputs, affine.weight, affine.bias)


def _padded(tokens: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Token ids, the longest first, padded with 0 to `[num_texts, longest]`; and which of them are tokens."""
    longest = len(tokens[0])
    ids = torch.tensor([[*row, *[0] * (longest - len(row))] for row in tokens])
    lengths = torch.tensor([len(row) for row in tokens])
    return ids, torch.arange(longest) < lengths[:, None]


def _batches(lengths: Sequence[int], max_tokens: int) -> Iterator[list[int]]:
    """Rows in batches, longest first, each of at most `max_tokens` with its padding (or of one row)."""
    order = sorted(range(len(lengths)), key=lambda row: -lengths[row])
    start = 0
    while start < len(order):
        num_rows = max(1, max_tokens // lengths[order[start]])
        yield order[start : start + num_rows]
        start += num_rows


def _layer(weights: Mapping[str, Tensor], prefix: str) -> _Layer:
    parts = [_affine(weights, f"{prefix}attention.self.{part}") for part in ("query", "key", "value")]
    return _Layer(
        query_key_value=_Affine(torch.cat([p.weight for p in parts]), torch.cat([p.bias for p in parts])),
        attention_output=_affine(weights, f"{prefix}attention.output.dense"),
        attention_norm=_affine(weights, f"{prefix}attention.output.LayerNorm"),
        intermediate=_affine(weights, f"{prefix}intermediate.dense"),
        output=_affine(weights, f"{prefix}output.dense"),
        output_norm=_affine(weights, f"{prefix}output.LayerNorm"),
    )


def _affine(weights: Mapping[str, Tensor], name: str) -> _Affine:
    return _Affine(weights[f"{name}.weight"], weights[f"{name}.bias"])
