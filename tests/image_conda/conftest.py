"""The channel, for all tests of this folder."""

from __future__ import annotations

from support.conda_channel import conda_channel

__all__ = ["conda_channel"]
