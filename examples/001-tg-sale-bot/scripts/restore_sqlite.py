#!/usr/bin/env python3
"""Unpacks a copy made by backup_sqlite.py and puts it where it belongs.

Stands in for the script of the same name of the project that the document is about; same flags.
The database is replaced in one step, and only by a copy that has been read in full.
"""

import argparse
import gzip
import os
import shutil
import sqlite3
import sys
import tempfile
from pathlib import Path

from check_sqlite import Damaged, check


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backup-path", type=Path, required=True)
    parser.add_argument("--db-path", type=Path, required=True)
    parser.add_argument("--force", action="store_true", help="replace a database that is there")
    arguments = parser.parse_args()

    if arguments.db_path.exists() and not arguments.force:
        print(f"{arguments.db_path} exists; --force replaces it", file=sys.stderr)
        return 1
    try:
        restore(arguments.backup_path, arguments.db_path)
    except (Damaged, OSError, EOFError, sqlite3.Error) as error:
        print(f"restore failed: {error}", file=sys.stderr)
        return 1
    print(arguments.db_path)
    return 0


def restore(backup: Path, database: Path) -> None:
    with tempfile.TemporaryDirectory(dir=database.parent, prefix=".restore-") as scratch:
        unpacked = Path(scratch, "restored.db")
        with gzip.open(backup, "rb") as packed, open(unpacked, "xb") as out:
            shutil.copyfileobj(packed, out)
            out.flush()
            os.fsync(out.fileno())
        check(unpacked)
        if database.exists():
            shutil.copystat(database, unpacked)
            owner = database.stat()
            os.chown(unpacked, owner.st_uid, owner.st_gid)
        # A journal of the old database would be played into the new one.
        for suffix in ("-wal", "-shm", "-journal"):
            Path(f"{database}{suffix}").unlink(missing_ok=True)
        os.replace(unpacked, database)
    directory = os.open(database.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


if __name__ == "__main__":
    sys.exit(main())
