"""Faces: bounded reading of photos, detection, templates, integer matching."""
