"""Guardians, from their side and from the holder's."""
