"""Summaries of a stream of rows that add up exactly: whatever the parts and their order, the whole is the same."""
