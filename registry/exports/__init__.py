"""How facts leave: one file per family of formats."""
