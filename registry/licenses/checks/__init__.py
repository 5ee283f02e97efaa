"""The checks of the audit, one file per subject. Each takes a `Case` and yields `Draft`s."""
