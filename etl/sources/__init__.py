"""One room per source, each with the same furniture.

``source.yml`` (owner, legal basis, cadence, manners, contract), ``fetch.py`` (bytes into the
archive), ``read.py`` (bytes to the tidy table) and ``columns.csv`` (where each measure stands).
``bundle.py`` and ``tidy.py`` are what every room hands on.
"""
