#!/usr/bin/env python3
"""Reads a SQLite database, or a compressed copy of one, in full and says what is in it, as JSON.

Changes nothing. Ends with 1 when the database is damaged.
"""

import gzip
import json
import shutil
import sqlite3
import sys
import tempfile
import zlib
from pathlib import Path
from urllib.parse import quote


class Damaged(Exception):
    """The database cannot be read in full."""


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: check_sqlite.py DATABASE[.gz]", file=sys.stderr)
        return 2
    try:
        print(json.dumps(check(Path(sys.argv[1])), ensure_ascii=False))
    except (Damaged, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def check(path: Path) -> dict:
    """What is in the database: the number of rows of every table."""
    if path.suffix != ".gz":
        return look(path, path)
    with tempfile.TemporaryDirectory() as scratch:
        unpacked = Path(scratch, "unpacked.db")
        try:
            with gzip.open(path, "rb") as packed, open(unpacked, "xb") as out:
                shutil.copyfileobj(packed, out)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise Damaged(f"{path}: {error}") from error
        return look(unpacked, path)


def look(database: Path, name: Path) -> dict:
    if not database.is_file():
        raise Damaged(f"{name}: no such file")
    if database.stat().st_size == 0:
        # SQLite takes an empty file for an empty database.
        raise Damaged(f"{name}: empty file")
    connection = read_only(database)
    try:
        problems = [row[0] for row in connection.execute("PRAGMA integrity_check")]
        if problems != ["ok"]:
            raise Damaged(f"{name}: {'; '.join(problems[:5])}")
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        tables = [row[0] for row in names if not row[0].startswith("sqlite_")]
        return {"integrity": "ok", "tables": {table: count(connection, table) for table in tables}}
    except sqlite3.DatabaseError as error:
        raise Damaged(f"{name}: {error}") from error
    finally:
        connection.close()


def read_only(database: Path) -> sqlite3.Connection:
    """A connection that cannot create or change the database."""
    return sqlite3.connect(f"file:{quote(str(database.absolute()))}?mode=ro", uri=True)


def count(connection: sqlite3.Connection, table: str) -> int:
    quoted = table.replace('"', '""')
    return connection.execute(f'SELECT count(*) FROM "{quoted}"').fetchone()[0]


if __name__ == "__main__":
    sys.exit(main())
