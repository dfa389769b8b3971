"""Assets that tie the DAGs together, in one place so that producer and consumer agree."""

from __future__ import annotations

from airflow.sdk import Asset

# Emitted when a complete snapshot of a province and period has become visible; the event
# carries province, period and snapshot_id.
PROVINCE_SNAPSHOT = Asset(name="province_snapshot", uri="bochiso://warehouse/province_snapshot")

# Emitted when an appendix workbook has been written; the event carries province and period.
APPENDIX = Asset(name="appendix_workbook", uri="bochiso://deliverables/appendix_workbook")

# Emitted when a digitization form or dossier list has become visible; the event carries
# province, period, calendar and snapshot_id.
DIGITIZATION_SNAPSHOT = Asset(name="digitization_snapshot", uri="bochiso://warehouse/digitization_snapshot")

# Emitted when the digitization form has been written; the event carries province, period and calendar.
DIGITIZATION_FORM = Asset(name="digitization_form", uri="bochiso://deliverables/digitization_form")
