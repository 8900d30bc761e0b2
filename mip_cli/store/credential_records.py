"""A holder's credentials in his archive: category ``identity``, sealed once more (section 20)."""

from __future__ import annotations

from mip_cli.errors import FileInvalid, MipError
from mip_cli.store.archive.archive import Archive
from mip_cli.store.archive.blocks import BlockMissing
from mip_cli.store.archive.manifest import CREDENTIAL_TYPE
from mip_cli.store.archive.reading import Found
from mip_cli.store.credentials import MAX_FILE, Held, Vault

CATEGORY = "identity"


class CredentialRecords:
    """The credentials in an open archive; ``archive.commit`` makes changes last."""

    def __init__(self, archive: Archive, vault: Vault) -> None:
        self._archive = archive
        self._vault = vault

    def read(self) -> tuple[dict[str, Held], list[MipError]]:
        """Return all by name, and what is wrong with those that cannot be read."""
        found: dict[str, Held] = {}
        damaged: list[MipError] = []
        for path, one in self._records().items():
            try:
                held = self._open(path, one)
                found[held.id] = held
            except (FileInvalid, BlockMissing) as error:
                damaged.append(error)
        return found, damaged

    def put(self, held: Held) -> None:
        """Add a credential, or put it in the place of an older state."""
        path = self._vault.path_of(held.id)
        self._archive.put_credential(CATEGORY, path, self._vault.seal(held, path))

    def path_of(self, identifier: str) -> str | None:
        """Return the path of a credential, readable or not; None where there is none."""
        path = self._vault.path_of(identifier)
        return path if path in self._records() else None

    def _records(self) -> dict[str, Found]:
        if CATEGORY not in self._archive.categories:
            return {}
        every = self._archive.records(CATEGORY)
        return {one.record.path: one for one in every if one.record.type == CREDENTIAL_TYPE}

    def _open(self, path: str, one: Found) -> Held:
        what = f"the credential {path} in the archive"
        if one.record.size > MAX_FILE:
            raise FileInvalid(f"{what} is too long")
        return self._vault.open(b"".join(self._archive.read(one)), path, what)
