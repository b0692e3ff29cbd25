"""Where networks compute: the device of a name, and whether it computes in bf16."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kindred.domain.errors import SettingsError

if TYPE_CHECKING:  # who only asks an encoder for its name needs no PyTorch
    import torch


def choose_device(name: str) -> torch.device:
    """The device of that name; `auto` is a GPU where there is one.

    Raises:
        SettingsError: there is no such device.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise SettingsError(f"device {name!r} is not known", "use auto, cpu or cuda")
    import torch

    has_cuda = torch.cuda.is_available()
    if name == "cuda" and not has_cuda:
        raise SettingsError("device cuda was asked for, but no GPU is visible", "set KINDRED_DEVICE=auto")
    return torch.device("cuda" if has_cuda and name != "cpu" else "cpu")


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device computes in bf16; a CPU without such instructions emulates them, slower than float32."""
    import torch

    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
