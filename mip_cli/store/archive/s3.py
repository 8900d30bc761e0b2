"""Blocks in a bucket of any S3-compatible service, through boto3 (the extra ``s3``).

Credentials come from where the service's own tools look for them, never from mip's settings.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs, urlsplit

from mip_cli.crypto import cid as links_of
from mip_cli.crypto.archive_blocks import MAX_BLOCK, Block
from mip_cli.crypto.cid import Link
from mip_cli.errors import EnvironmentFault, MipError, NetworkDown, ToolMissing, UsageFault
from mip_cli.store.archive.blocks import missing

_CONNECT_TIMEOUT, _READ_TIMEOUT = 5, 20  # seconds
_AT_ONCE = 8  # requests
_DELETED = 1000  # keys in one request: the protocol's limit
_ABSENT = frozenset({"NoSuchKey", "404", "NotFound"})


class S3Store:
    """Objects ``PREFIX/CID`` in a bucket."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        options = parse_qs(parts.query)
        if parts.scheme != "s3" or not parts.netloc or set(options) - {"endpoint", "region"}:
            raise UsageFault(
                "a bucket is given as s3://BUCKET/PREFIX?endpoint=https://HOST",
                hint="leave the endpoint out for Amazon's own",
            )
        self._url, self._bucket = url, parts.netloc
        self._prefix = parts.path.strip("/") + "/" if parts.path.strip("/") else ""
        self._client: Any = _client(options)

    @property
    def uri(self) -> str:
        """Return how the holder names it."""
        return self._url

    def put(self, blocks: Sequence[Block]) -> None:
        """Store blocks; the service acknowledges what it has durably."""

        def one(block: Block) -> None:
            self._ask("put_object", Key=self._key(block.cid), Body=block.data)

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(one, blocks))

    def get(self, cids: Sequence[Link]) -> list[bytes]:
        """Return blocks, at most one byte more than a block may have."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return list(pool.map(self._read, cids))

    def publish(self, root: Link, previous: Link | None) -> None:
        """Do nothing: what was acknowledged is durable."""

    def delete(self, cids: Sequence[Link]) -> None:
        """Delete blocks; versions that the bucket keeps stay."""
        for start in range(0, len(cids), _DELETED):
            keys = [{"Key": self._key(cid)} for cid in cids[start : start + _DELETED]]
            answer = self._ask("delete_objects", Delete={"Objects": keys, "Quiet": True})
            if answer.get("Errors"):
                raise EnvironmentFault(f"{self.label} does not delete a block")

    def listing(self) -> None:
        """Tell nothing: other archives may lie under the same prefix."""
        return

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    @property
    def label(self) -> str:
        """Return what may be shown of it."""
        return f"s3://{self._bucket}/{self._prefix}"

    def _key(self, cid: Link) -> str:
        return self._prefix + links_of.text(cid)

    def _read(self, cid: Link) -> bytes:
        # no more than this is sent, whatever lies there
        wanted = f"bytes=0-{MAX_BLOCK}"
        try:
            answer = self._ask("get_object", Key=self._key(cid), Range=wanted)
        except _Absent:
            raise missing(self, cid) from None
        try:
            return bytes(answer["Body"].read(MAX_BLOCK + 1))
        except Exception as error:
            raise NetworkDown(f"{self.label} broke off: {type(error).__name__}") from None

    def _ask(self, act: str, **arguments: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return getattr(self._client, act)(Bucket=self._bucket, **arguments)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))[:40]
            if code in _ABSENT:
                raise _Absent(f"{self.label} lacks it") from None
            raise EnvironmentFault(f"{self.label} refuses {act}: {code}") from None
        except BotoCoreError as error:
            # its text may name hosts, its class says enough
            raise NetworkDown(f"{self.label} does not answer: {type(error).__name__}") from None


class _Absent(MipError):
    exit_code = 3


def _client(options: dict[str, list[str]]) -> Any:
    try:
        import boto3
        from botocore.config import Config
    except ImportError:
        raise ToolMissing(
            "S3 stores need the package boto3", hint="pip install 'mip[s3]'"
        ) from None
    return boto3.client(
        "s3",
        endpoint_url=options.get("endpoint", [None])[0],
        region_name=options.get("region", ["us-east-1"])[0],
        config=Config(
            connect_timeout=_CONNECT_TIMEOUT,
            read_timeout=_READ_TIMEOUT,
            retries={"max_attempts": 2},
            max_pool_connections=_AT_ONCE,
            s3={"addressing_style": "path"},
        ),
    )
