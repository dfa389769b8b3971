"""Judging what was read: suites of ``expectations/``, run by Great Expectations.

``suites.py`` loads them, ``frames.py`` and ``digitization_frames.py`` make the tables they look
at, ``judge.py`` (indicators) and ``digitization.py`` (forms and dossier lists) run them, split
rows into good and quarantined, and give the verdict; ``results.py`` is what both share.
"""
