"""What was written and never read: streams, who answered a call, why a recording failed."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_table("streams")
    for table, column in (("calls", "answered_by"), ("recordings", "error_code")):
        op.drop_column(table, column)
