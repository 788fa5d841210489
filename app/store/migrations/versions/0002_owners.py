"""Whose conferences and recordings are: the service of which name runs them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("conferences", "recordings"):
        column = sa.Column("instance", sa.String(length=64), nullable=False, server_default="")
        op.add_column(table, column)
    # What was kept so far belongs to whom its calls belong to.
    op.execute(
        "update recordings set instance = (select calls.instance from calls"
        " where calls.sid = recordings.call_sid)"
        " where exists (select 1 from calls where calls.sid = recordings.call_sid)"
    )
    op.execute(
        "update conferences set instance = (select min(calls.instance) from calls"
        " join participants on participants.call_sid = calls.sid"
        " where participants.conference_sid = conferences.sid)"
        " where exists (select 1 from calls join participants on participants.call_sid = calls.sid"
        " where participants.conference_sid = conferences.sid)"
    )
    op.execute(
        "update recordings set instance = (select conferences.instance from conferences"
        " where conferences.sid = recordings.conference_sid)"
        " where exists (select 1 from conferences"
        " where conferences.sid = recordings.conference_sid)"
    )
