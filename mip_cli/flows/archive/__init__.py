"""The holder's archive."""
