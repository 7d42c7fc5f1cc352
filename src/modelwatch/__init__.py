"""modelwatch: one YAML spec per model becomes everything that watches it in production."""

__version__ = "0.1.0"
