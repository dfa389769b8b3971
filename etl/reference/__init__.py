"""Dated reference data: provinces, units, indicators, calendar overrides, and their loader."""
