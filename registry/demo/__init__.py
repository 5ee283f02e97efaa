"""A recorded Hub on loopback, and the tour that adds from it."""
