"""Distributions that critical values need, vectorised and without scipy (63 MiB resident)."""
