"""Prediction logs on a shared volume: JSON Lines, read as they grow, over rotation and restarts."""

from modelwatch.exporters.tailing.tailer import Tailer

__all__ = ["Tailer"]
