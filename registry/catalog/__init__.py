"""What we keep: tables, migrations and the only door to them, `Catalog`."""
