"""Duties, releases, deliveries and alerts; publications are numbered. See the SQL file of the same name."""

from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The driver itself, not SQLAlchemy: a whole file of statements, and no placeholder is looked for in it.
    driver = op.get_bind().connection.driver_connection
    driver.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    raise RuntimeError(
        "the warehouse holds published history and is not migrated backwards; restore a backup instead"
    )
