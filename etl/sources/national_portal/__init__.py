"""The national public-service portal, current API (generation 2).

``source.yml`` says what it is and by what right it is read; ``fetch.py`` brings bytes into
the archive; ``completeness.py`` judges whether a reading is whole; ``contract.py`` is the
shape of the replies; ``columns.csv`` maps their fields; ``read.py`` makes the tidy table.
"""
