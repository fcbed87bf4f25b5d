"""Says how large batches and blocks may be on each kind of device.

No result depends on these sizes beyond rounding; where rounding could matter, the module that uses
them says how it avoids that.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

__all__ = ["DEVICE_PLANS", "DevicePlan", "device_plan"]


@dataclass(frozen=True)
class DevicePlan:
    """Sizes that suit a kind of device."""

    token_budget: int
    """Most tokens in a batch, padding included."""
    kept_token_budget: int
    """Most tokens in a batch whose states or gradients are kept, or changed in several ways."""
    padding_share: float
    """Largest share of a batch that may be padding."""
    logit_bytes: int
    """Most bytes of one block of logits."""
    rows_at_once: int | None
    """Rows of logits that are reduced together; few on a CPU, so that they stay in its cache."""
    groups_behind: int
    """Groups whose rows may still be in the making while the next group is scored."""
    pass_tokens: int | None
    """Tokens that take as long as one more pass does by itself, in which all weights are read from
    memory; None for a device that runs few large passes, and shares no beginnings of texts."""


DEVICE_PLANS = {
    # Without padding attention needs no mask; a CPU loses nothing with small batches.
    "cpu": DevicePlan(2_048, 1_024, 0.0, 1 << 27, 16, 0, 32),
    # Few large kernels: with one batch per length the device would wait for the host.
    "mps": DevicePlan(8_192, 4_096, 0.15, 1 << 28, None, 1, None),
    "cuda": DevicePlan(32_768, 8_192, 0.15, 1 << 30, None, 1, None),
}


def device_plan(device: torch.device) -> DevicePlan:
    """Get the sizes for a device; unknown kinds get those of a CPU."""
    return DEVICE_PLANS.get(device.type, DEVICE_PLANS["cpu"])
