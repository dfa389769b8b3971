"""The dossier list behind the digitization form: one row per dossier, reduced at the door.

``columns.csv`` maps header variants to fields and names the personal ones, which are never read;
``recognise.py`` finds the header; ``scan.py`` brings batches of the wanted columns; ``typed.py`` turns
their text into values; the row rules stand in ``expectations/rows/dossier_list.yml``; ``reduce.py``
counts by unit and day, ``repeats.py`` takes out dossiers listed twice, ``windows.py`` finds the days the
list is about; ``read.py`` puts it together.
"""
