"""The spec: schema, loading with positions, diagnostics, and the frozen objects that everything else reads."""
