"""Opens the database: a clear error when it cannot be had, migrations before anything else."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, Engine, make_url

from app.settings import Settings, SettingsError
from app.store.store import Store

if sys.platform != "win32":
    import fcntl

SQLITE_NAME = "twiml-bridge.sqlite3"
_MIGRATIONS = Path(__file__).parent / "migrations"
_SETTING = "TWIML_BRIDGE_DATABASE_URL"


def open_store(settings: Settings, worker: int | None = None) -> Store:
    """The store that the settings name, brought up to date; raises SettingsError.

    Blocks for as long as the database takes, so it is called before the service begins. Each
    `worker` of a service has callbacks and calls of its own to take up after a restart.
    """
    url = _url(settings)
    instance = _instance(settings, worker)
    _make_directory(settings.data_dir)
    with ExitStack() as undo:
        lock = _lock(settings, instance)
        if lock is not None:
            undo.enter_context(lock)
        engine = _migrated(url)
        undo.pop_all()
        return Store(engine, instance, lock=lock)


def _instance(settings: Settings, worker: int | None) -> str:
    return settings.instance if worker is None else f"{settings.instance}-{worker}"


@contextmanager
def abandoned(settings: Settings, workers: int) -> Iterator[list[str]]:
    """The names under which this service has run in its data directory with another number of
    workers than now. While inside, nobody else can run under them."""
    used = {_instance(settings, each if workers > 1 else None) for each in range(workers)}
    ours = re.compile(re.escape(settings.instance) + r"(-\d+)?")
    names = {path.stem for path in settings.data_dir.glob("*.lock")}
    found: list[str] = []
    with ExitStack() as held:
        for name in sorted(names - used):
            if ours.fullmatch(name) is None:
                continue
            try:
                lock = _lock(settings, name)
            except SettingsError:
                continue  # somebody runs under it
            if lock is not None:
                held.enter_context(lock)
                found.append(name)
        yield found


def prepare(settings: Settings) -> None:
    """Bring the database up to date, once, before several workers open it; raises SettingsError."""
    _make_directory(settings.data_dir)
    _migrated(_url(settings)).dispose()


def _migrated(url: URL) -> Engine:
    try:
        engine = _connect(url)
    except (ImportError, sa.exc.NoSuchModuleError) as error:
        raise SettingsError(
            f"{_SETTING}: no driver for {url.drivername} is installed: {_reason(url, error)};"
            " install the driver's package beside this one"
        ) from error
    try:
        with engine.begin() as connection:
            if not _is_current(connection):
                _migrate(connection)
    except _NewerError as error:
        engine.dispose()
        raise SettingsError(
            f"{_SETTING}: {shown(url)} was made by a newer version of twiml-bridge"
            f" ({_reason(url, error)}); run that one, or use another database"
        ) from error
    except (sa.exc.SQLAlchemyError, OSError) as error:
        engine.dispose()
        raise SettingsError(
            f"{_SETTING}: cannot open {shown(url)}: {_reason(url, error)};"
            " check the address, the rights and that the server runs"
        ) from error
    return engine


def shown(url: URL) -> str:
    """A database's URL as messages name it: without user, password and query."""
    host = f"{url.host or ''}:{url.port}" if url.port else url.host or ""
    return f"{url.drivername}://{host}/{url.database or ''}"


def _url(settings: Settings) -> URL:
    written = settings.database_url.get_secret_value()
    if not written:
        return URL.create("sqlite", database=str(settings.data_dir / SQLITE_NAME))
    try:
        return make_url(written)
    except (sa.exc.ArgumentError, ValueError):
        raise SettingsError(
            f"{_SETTING}: not a database URL; write one such as"
            " postgresql+psycopg://user:password@host/name"
        ) from None


def _make_directory(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not os.access(path, os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied")
    except OSError as error:
        raise SettingsError(
            f"TWIML_BRIDGE_DATA_DIR: cannot write to {path}: {error.strerror or error};"
            " name a directory that this user may write to"
        ) from error


def _lock(settings: Settings, instance: str) -> IO[bytes] | None:
    """Held while the process lives: two of one name would send each other's callbacks again."""
    if sys.platform == "win32":
        return None
    handle = (settings.data_dir / f"{instance}.lock").open("ab")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        handle.close()
        raise SettingsError(
            f"TWIML_BRIDGE_DATA_DIR: a service named {instance!r} runs with"
            f" {settings.data_dir} already; stop it, or give this one another directory or another"
            " name (TWIML_BRIDGE_INSTANCE)"
        ) from error
    return handle


def _connect(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        return sa.create_engine(url, pool_pre_ping=True, pool_size=1, max_overflow=1)
    engine = sa.create_engine(url)

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        # A power cut may cost the last transactions; the end of a process costs none.
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=5000"):
            connection.execute(f"PRAGMA {pragma}").close()

    return engine


class _NewerError(Exception):
    """The database has a version that is not known here."""


def _is_current(connection: sa.Connection) -> bool:
    """Whether the last of the migrations, which are numbered, was the last that the database had.

    Known without alembic, which takes longer to import than most services to open their database.
    """
    newest = max(path.name.partition("_")[0] for path in _MIGRATIONS.glob("versions/[0-9]*_*.py"))
    if not sa.inspect(connection).has_table("alembic_version"):
        return False
    return bool(connection.scalar(sa.text("select version_num from alembic_version")) == newest)


def _migrate(connection: sa.Connection) -> None:
    """Raises _NewerError."""
    from alembic import command  # noqa: PLC0415 -- see _is_current
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util.exc import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise _NewerError(str(error)) from error


def _reason(url: URL, error: BaseException) -> str:
    """The driver's own words, in one line and without the password."""
    words = str(getattr(error, "orig", None) or error).strip()
    line = words.splitlines()[0] if words else type(error).__name__
    for secret in (url.password, *url.query.values()):
        if isinstance(secret, str) and secret:
            line = line.replace(secret, "***")
    return line
