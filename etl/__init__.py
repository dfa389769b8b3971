"""bochiso: from the portal's bytes to the signed document, every number traceable.

The rooms, in the order a period walks through them: ``sources`` (fetch, read) with
``archive``, ``validate``, ``warehouse``, ``deliver``. Nothing here imports Airflow.
"""

import os

__version__ = "0.1.0"

# No library reports home from an office's network. They read these while being imported,
# so this is the one place outside settings.py that touches the environment: it only sets.
for _switch, _off in (
    ("GX_ANALYTICS_ENABLED", "False"),
    ("DO_NOT_TRACK", "1"),
    ("SCARF_ANALYTICS", "false"),
    ("SCARF_NO_ANALYTICS", "true"),
):
    os.environ.setdefault(_switch, _off)
