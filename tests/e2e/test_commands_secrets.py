"""The commands of secrets on a real database."""

from __future__ import annotations

import pathlib

from gateway.commands import place
from gateway.flows.sources import setup
from gateway.local.supervisor import secret_key
from gateway.settings import Settings
from gateway.store.db.engine import Pool
from gateway.store.sources import secrets, sources
from gateway.vault import Vault
from tests.e2e.command import Done, run


def test_secrets_rotate__encrypts_what_an_older_key_has_sealed(
    pool: Pool, database_url: str, tmp_path: pathlib.Path
) -> None:
    def typed(*arguments: str, **environ: str) -> Done:
        here = {"DATABASE_URL": database_url, "GATEWAY_DATA_DIR": str(tmp_path), **environ}
        return run(*arguments, **here)

    old, new = "o" * 32, "n" * 32
    assert typed("secrets", "rotate").err.startswith("error: there is no key")
    typed("source", "add", "shop")
    with pool.begin() as conn:
        (source,) = sources.listing(conn, now=place.now())
        sealed = Vault([old]).seal("s", setup.place(source.id, "password"))
        secrets.put(conn, source.id, "password", sealed, now=place.now())
    lost = typed("secrets", "rotate", GATEWAY_SECRET_KEY=new)
    assert (lost.code, "1 secrets cannot be read" in lost.err) == (1, True)
    done = typed("secrets", "rotate", "--json", GATEWAY_SECRET_KEY=f"{new},{old}")
    assert done.document() == {"resealed": 1, "newest": 0, "unreadable": 0}
    again = typed("secrets", "rotate", GATEWAY_SECRET_KEY=new)
    assert again.out == "0 secrets were encrypted anew, 1 were already.\n"
    (tmp_path / secret_key.FILE_NAME).write_text(f"{new}\n")
    beside_run = Settings(data_dir=tmp_path)
    assert place.with_kept_key(beside_run).secret_keys == (new,)
    assert place.with_kept_key(Settings(data_dir=tmp_path / "none")).secret_keys == ()
