"""Guests shipped with the house, through the same door as strangers."""
