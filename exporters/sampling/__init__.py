"""Keeps a few single rows, with their weights, for review and retraining. See README.md."""
