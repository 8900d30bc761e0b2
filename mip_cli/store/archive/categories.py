"""Categories and the schemas that their JSON records obey."""

from __future__ import annotations

from functools import cache
from typing import Any

from mip_cli.crypto import jsontext
from mip_cli.errors import FileInvalid, UsageFault
from mip_cli.store.archive.manifest import JSON_TYPE
from mip_cli.store.archive.schema_bounds import require_bounded
from mip_cli.store.archive.schemas import BUILT_IN, CREDENTIAL, Schema

MAX_RECORD = 256 * 1024
"""Bytes of a JSON record."""
MAX_SCHEMA = 64 * 1024
"""Bytes of a schema."""


class RecordInvalid(FileInvalid):
    """A record is not JSON, or does not obey the schema of its category."""


class Rule:
    """A schema that is ready to judge records."""

    def __init__(self, category: str, schema: Schema) -> None:
        from jsonschema import Draft202012Validator
        from jsonschema.exceptions import SchemaError
        from referencing import Registry

        try:
            require_bounded(schema)
        except ValueError as error:
            raise UsageFault(f"the schema of {category} is not usable: {error}") from None
        try:
            Draft202012Validator.check_schema(schema)
        except SchemaError:
            raise UsageFault(
                f"the schema of {category} is not sound JSON Schema",
                hint="the dialect is 2020-12",
            ) from None
        self.category = category
        # an empty registry: references to anywhere else are not followed
        self._validator = Draft202012Validator(schema, registry=Registry())

    def judge(self, record: Any) -> None:
        """Raise ``RecordInvalid`` when a record does not obey; the text quotes nothing of it."""
        error = next(self._validator.iter_errors(record), None)
        if error is not None:
            place = "/".join("*" if isinstance(p, int) else str(p) for p in error.absolute_path)
            raise RecordInvalid(
                f"the record does not obey the schema of {self.category}: "
                f"{error.validator} at /{place}",
                hint=f"see the schema: mip archive category {self.category}",
            )


@cache
def built_in_rule(category: str) -> Rule:
    """Return the rule of a category that comes with the tool."""
    return Rule(category, BUILT_IN[category])


@cache
def credential_rule() -> Rule:
    """Return the rule of held credentials."""
    return Rule("credentials", CREDENTIAL)


def parse_record(data: bytes) -> Any:
    """Read a JSON record; raise ``RecordInvalid`` when it is none."""
    if len(data) > MAX_RECORD:
        raise RecordInvalid(f"a JSON record has at most {MAX_RECORD} bytes")
    try:
        return jsontext.parse(data)
    except ValueError as error:
        raise RecordInvalid(f"the record is not sound JSON: {error}") from None


def parse_schema(data: bytes) -> Schema:
    """Read a schema; raise ``UsageFault`` when it is none."""
    if len(data) > MAX_SCHEMA:
        raise UsageFault(f"a schema has at most {MAX_SCHEMA} bytes")
    try:
        found = jsontext.parse(data)
    except ValueError as error:
        raise UsageFault(f"the schema is not sound JSON: {error}") from None
    if not isinstance(found, dict):
        raise UsageFault("a schema is a JSON object")
    return found


def guess_type(name: str) -> str:
    """Return the media type that a file's name suggests."""
    import mimetypes

    found, _ = mimetypes.guess_type(name, strict=True)
    return found.lower() if found else "application/octet-stream"


__all__ = [
    "BUILT_IN",
    "JSON_TYPE",
    "MAX_RECORD",
    "RecordInvalid",
    "Rule",
    "built_in_rule",
    "credential_rule",
    "guess_type",
    "parse_record",
    "parse_schema",
]
