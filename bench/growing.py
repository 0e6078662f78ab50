"""A ledger of any size: clones of one stored notification and of its first event."""

from collections.abc import Mapping

from psycopg import sql

from bench.copying import EVENTS, NOTIFICATIONS, AnyConnection, read_table

SEED_REQUEST = "growth-seed"
EVENTS_EACH = 2
# One in a thousand waits for a time that is far; the others are done, over the last thirty days.
# Ids are of version 7, as ours are: the time first, so that an index grows at its end.
_OF_NOTIFICATION = {
    "id": "(lpad(to_hex((extract(epoch FROM g.at) * 1000)::bigint), 12, '0') || '7' ||"
    " substr(md5(g.number::text), 1, 3) || '8' || substr(md5(g.number::text), 4, 15))::uuid",
    "request_id": "'grown-' || g.number",
    "provider_message_id": "'grown-' || g.number",
    "status": "CASE WHEN g.waits THEN 'pending' ELSE 'sent' END",
    "due_at": "CASE WHEN g.waits THEN now() + interval '30 days' ELSE g.at END",
    "created_at": "g.at",
    "sent_at": "CASE WHEN g.waits THEN NULL ELSE g.at END",
    "finished_at": "CASE WHEN g.waits THEN NULL ELSE g.at END",
    "lease_until": "NULL",
}
_NUMBERS = (
    "(SELECT number, number %% 1000 = 0 AS waits,"
    " now() - interval '30 days' * (1 - number::float / %(rows)s) AS at"
    " FROM generate_series(1, %(rows)s) AS number) AS g"
)


def build_request_id(number: int) -> str:
    """Return the request id of a grown notification; numbers begin at 1."""
    return f"grown-{number}"


def grow_ledger(connection: AnyConnection, *, rows: int) -> None:
    """Add so many notifications that look like the one with SEED_REQUEST, and their events."""
    _clone(
        connection,
        NOTIFICATIONS,
        _OF_NOTIFICATION,
        f" FROM {NOTIFICATIONS} AS s, {_NUMBERS} WHERE s.request_id = %(seed)s",
        rows,
    )
    _clone(
        connection,
        EVENTS,
        {"notification_id": "n.id", "at": "n.created_at", "status": "n.status"},
        f" FROM {NOTIFICATIONS} AS n, generate_series(1, {EVENTS_EACH}),"  # noqa: S608  # constants
        f" (SELECT e.* FROM {EVENTS} AS e JOIN {NOTIFICATIONS} AS f ON f.id = e.notification_id"
        " WHERE f.request_id = %(seed)s LIMIT 1) AS s WHERE n.request_id LIKE 'grown-%%'",
        rows,
    )
    connection.execute("VACUUM ANALYZE")


def _clone(
    connection: AnyConnection, name: str, changed: Mapping[str, str], source: str, rows: int
) -> None:
    # An event's id is numbered by the table, and a notification's is among the changed.
    table = read_table(connection, name, without="" if "id" in changed else "id")
    values = [
        sql.SQL(changed[column]) if column in changed else sql.Identifier("s", column)
        for column in table.columns
    ]
    statement = sql.SQL("INSERT INTO {} ({}) SELECT {}").format(
        sql.Identifier(name),
        sql.SQL(", ").join(map(sql.Identifier, table.columns)),
        sql.SQL(", ").join(values),
    )
    connection.execute(statement + sql.SQL(source), {"rows": rows, "seed": SEED_REQUEST})
