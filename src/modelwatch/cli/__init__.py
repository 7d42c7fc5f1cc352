"""Commands: flags and printing only."""
