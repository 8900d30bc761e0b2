"""A passport: made, proved with, looked at, its keys replaced, ended."""
