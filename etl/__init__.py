"""bochiso: from the portal's bytes to the signed document, every number traceable.

The rooms, in the order a period walks through them: ``sources`` (fetch, read) with
``archive``, ``validate``, ``warehouse``, ``deliver``. Nothing here imports Airflow.
"""

__version__ = "0.1.0"
