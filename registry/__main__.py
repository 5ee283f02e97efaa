"""`python -m registry`: the same as the `registry` command."""

from __future__ import annotations

from registry.cli.main import main

if __name__ == "__main__":
    main()
