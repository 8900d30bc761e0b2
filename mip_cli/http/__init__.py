"""Credentials and proofs over HTTP: two small servers, and the holder's side of both.

Protocol section 22. A room between ``cli`` and ``flows``: what is decided lies in ``flows``, here
is how it travels. Servers listen on this machine only.
"""
