"""Credentials: issued, held, proved, verified."""
