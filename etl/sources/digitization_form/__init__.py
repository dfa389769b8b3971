"""The provincial digitization form, dropped by an office as a workbook, a CSV or a vendor's JSON.

``source.yml`` says what it is; ``templates/*.yml`` are the known layouts (data, versioned) and
``layouts.py`` loads them together with a province's own; ``grid.py`` makes cells of a file;
``headers.py`` and ``recognise.py`` say which layout it is, by header text and content;
``titles.py`` finds the days it is about; ``figures.py``, ``labels.py``, ``rows.py``, ``totals.py``,
``read.py`` and ``igate.py`` make the reading; ``apart.py`` holds the entries for the child process that parses.
"""
