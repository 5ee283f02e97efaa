"""Headers of weight files, and the arithmetic of dtypes and packed weights."""
