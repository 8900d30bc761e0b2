"""Coming back after losing everything."""
