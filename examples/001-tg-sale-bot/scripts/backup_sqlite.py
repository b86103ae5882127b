#!/usr/bin/env python3
"""Takes a consistent, compressed copy of a SQLite database that may be in use.

Stands in for the script of the same name of the project that the document is about; same flags.
Prints the path of the copy. Nothing older is removed before the new copy has been read back.
"""

import argparse
import gzip
import os
import shutil
import sqlite3
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path

from check_sqlite import Damaged, check, read_only


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--db-path", type=Path, required=True)
    parser.add_argument("--output-dir", type=Path, required=True)
    parser.add_argument("--prefix", required=True)
    parser.add_argument("--keep-last", type=int, default=0, help="0 keeps all")
    arguments = parser.parse_args()

    stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S%fZ")
    target = arguments.output_dir / f"{arguments.prefix}-{stamp}.db.gz"
    try:
        back_up(arguments.db_path, target)
    except (Damaged, OSError, sqlite3.Error) as error:
        print(f"backup failed: {error}", file=sys.stderr)
        return 1
    if arguments.keep_last > 0:
        copies = sorted(arguments.output_dir.glob(f"{arguments.prefix}-*.db.gz"))
        for old in copies[: -arguments.keep_last]:
            old.unlink()
    print(target)
    return 0


def back_up(database: Path, target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".backup-") as scratch:
        snapshot = Path(scratch, "snapshot.db")
        source = read_only(database)
        copy = sqlite3.connect(snapshot)
        try:
            source.backup(copy)
        finally:
            copy.close()
            source.close()
        packed = Path(scratch, "snapshot.db.gz")
        with open(snapshot, "rb") as plain, open(packed, "xb") as raw:
            with gzip.GzipFile(fileobj=raw, mode="wb") as out:
                shutil.copyfileobj(plain, out)
            raw.flush()
            os.fsync(raw.fileno())
        check(packed)
        # Unlike a rename, a link never replaces a file that is there.
        os.link(packed, target)


if __name__ == "__main__":
    sys.exit(main())
