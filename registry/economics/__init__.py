"""What models cost to make, keep and copy, and what reusing them saved; from dated tables, as ranges."""
