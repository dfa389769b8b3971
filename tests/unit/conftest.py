"""Property tests here are the same on every run, and a slow machine is no failure."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("bochiso", deadline=None, derandomize=True, max_examples=300)
settings.load_profile("bochiso")
