"""Judging what was read: suites of ``expectations/``, run by Great Expectations.

``frames.py`` makes the tables they look at, ``suites.py`` loads them, ``judge.py`` runs
them, splits rows into good and quarantined, and gives the verdict.
"""
