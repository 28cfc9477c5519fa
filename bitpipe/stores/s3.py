"""Amazon S3, and what speaks its protocol (MinIO, Ceph, R2), by boto3.

Beam knows s3:// as well, but makes a client for every file, which takes longer than the file, and
asks a store that does not answer for ten minutes. Address, region and credentials are those of the
AWS command line: AWS_ENDPOINT_URL, AWS_REGION, AWS_PROFILE and the like, or ~/.aws.
"""

import contextlib
import errno
import os
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from bitpipe.errors import StoreError
from bitpipe.pictures.limits import MAX_FILE_BYTES
from bitpipe.stores.objects import ObjectStore, denied, missing, silent
from bitpipe.stores.store import Entry, UnfitFileError

SCHEME = "s3://"

# A part of an upload; S3 takes 10,000 of them, so this is for files of up to 160 GB.
_PART_BYTES = 16 << 20
_CHUNK_BYTES = 8 << 20
_CONFIG = Config(
    connect_timeout=10,
    read_timeout=60,
    retries={"mode": "standard", "max_attempts": 4},  # within a few seconds
    max_pool_connections=64,
    # Stores other than Amazon's do not all know the checksums that newer clients add.
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)
_MISSING, _DENIED = (404,), (401, 403)


class S3Store(ObjectStore):
    """See `ObjectStore`.

    Args:
        path: an address in it.

    Raises:
        StoreError: it names no bucket.
    """

    def __init__(self, path: str) -> None:
        _parts(path)

    def below(self, folder: str) -> Iterator[tuple[str, Entry]]:
        """See `ObjectStore`."""
        prefix = f"{folder.rstrip('/')}/"
        for path, size, mtime_ns in _listed(prefix):
            relative = path[len(prefix) :]
            # An object named like a folder is what some tools make of an empty folder.
            if relative and not relative.endswith("/"):
                name = relative.rpartition("/")[2]
                yield relative, Entry(name, False, size, mtime_ns)

    def match(self, pattern: str) -> Iterable[str]:
        """See `ObjectStore`."""
        fixed = re.split(r"[*?\[]", pattern, maxsplit=1)[0]
        wanted = re.compile(_translated(pattern))
        return [path for path, *_ in _listed(fixed) if wanted.fullmatch(path)]

    def entry(self, path: str) -> Entry:
        """See `ObjectStore`."""
        bucket, key = _parts(path)
        if not key:  # the bucket itself
            raise missing(path)
        with _told(path, "read"):
            answer = _client().head_object(Bucket=bucket, Key=key)
        name = key.rpartition("/")[2]
        changed = int(answer["LastModified"].timestamp() * 1e9)
        return Entry(name, False, answer["ContentLength"], changed)

    def chunks(self, path: str) -> Iterator[bytes]:
        """See `ObjectStore`."""
        bucket, key = _parts(path)
        with _told(path, "read"):
            answer = _client().get_object(Bucket=bucket, Key=key)
            with contextlib.closing(answer["Body"]) as body:
                yield from body.iter_chunks(_CHUNK_BYTES)

    def read(self, path: str, max_bytes: int = MAX_FILE_BYTES) -> bytes:
        """See `Store`."""
        bucket, key = _parts(path)
        with _told(path, "read"):
            answer = _client().get_object(Bucket=bucket, Key=key)
            with contextlib.closing(answer["Body"]) as body:
                if answer["ContentLength"] > max_bytes:
                    raise UnfitFileError(errno.EFBIG, f"it has more than {max_bytes} bytes", path)
                return bytes(body.read())

    def read_range(self, path: str, start: int, size: int) -> bytes:
        """See `Store`."""
        bucket, key = _parts(path)
        if not size:
            return b""
        asked = f"bytes={start}-{start + size - 1}"
        with _told(path, "read"):
            answer = _client().get_object(Bucket=bucket, Key=key, Range=asked)
            with contextlib.closing(answer["Body"]) as body:
                return bytes(body.read())

    def write(self, path: str, parts: Iterable[bytes]) -> None:
        """See `Store`. An object appears when all of it is there."""
        bucket, key = _parts(path)
        pieces = _pieces(parts)
        first = next(pieces, b"")
        with _told(path, "written"):
            if len(first) < _PART_BYTES:
                _client().put_object(Bucket=bucket, Key=key, Body=first)
            else:
                _upload(bucket, key, first, pieces)

    def delete(self, path: str) -> None:
        """See `Store`."""
        bucket, key = _parts(path)
        with _told(path, "removed"):
            _client().delete_object(Bucket=bucket, Key=key)


def _client() -> Any:
    # Not one that was made before a fork: its connections would be shared.
    return _client_of(os.getpid(), os.environ.get("AWS_ENDPOINT_URL"))


@lru_cache(maxsize=2)
def _client_of(process: int, endpoint: str | None) -> Any:  # noqa: ARG001  # the cache's key
    try:
        return boto3.session.Session().client("s3", config=_CONFIG)
    except (BotoCoreError, ValueError) as error:  # a profile that is not there, a malformed address
        raise StoreError(
            f"s3:// cannot be used: {error}. Correct AWS_ENDPOINT_URL, AWS_REGION or AWS_PROFILE."
        ) from error


def _parts(path: str) -> tuple[str, str]:
    bucket, _, key = path[len(SCHEME) :].partition("/")
    if not path.startswith(SCHEME) or not bucket:
        raise StoreError(f"An address in S3 must be s3://BUCKET/NAME. Received: {path}.")
    return bucket, key


def _listed(prefix: str) -> Iterator[tuple[str, int, int]]:
    """Address, bytes, and nanoseconds since 1970 of the last change, of all that begin with it."""
    bucket, key = _parts(prefix)
    try:
        with _told(prefix, "listed"):
            for page in (
                _client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key)
            ):
                for found in page.get("Contents", ()):
                    changed = int(found["LastModified"].timestamp() * 1e9)
                    yield f"{SCHEME}{bucket}/{found['Key']}", found["Size"], changed
    except FileNotFoundError:
        raise silent(prefix, "listed", f"there is no bucket {bucket}") from None
    except PermissionError as error:
        raise silent(prefix, "listed", error.strerror) from error


def _pieces(parts: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of `_PART_BYTES`, of which the last one may be smaller."""
    gathered = bytearray()
    for part in parts:
        gathered += part
        while len(gathered) >= _PART_BYTES:
            yield bytes(gathered[:_PART_BYTES])
            del gathered[:_PART_BYTES]
    if gathered:
        yield bytes(gathered)


def _upload(bucket: str, key: str, first: bytes, rest: Iterator[bytes]) -> None:
    """In parts, which become an object when all of them are there."""
    client = _client()
    place = {"Bucket": bucket, "Key": key}
    place["UploadId"] = client.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    done: list[dict[str, Any]] = []
    try:
        for number, piece in enumerate(_chained(first, rest), 1):
            tag = client.upload_part(**place, PartNumber=number, Body=piece)["ETag"]
            done.append({"PartNumber": number, "ETag": tag})
        client.complete_multipart_upload(**place, MultipartUpload={"Parts": done})
    except BaseException:
        with contextlib.suppress(BotoCoreError, ClientError):  # parts cost money until it is told
            client.abort_multipart_upload(**place)
        raise


def _chained(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _translated(pattern: str) -> str:
    """The regular expression of a shell's pattern."""
    found = re.findall(r"\*\*|\*|\?|\[!?\]?[^\]]*\]|.", pattern, re.DOTALL)
    known = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(
        known.get(one)
        or (f"[{'^' * (one[1] == '!')}{_set(one)}]" if len(one) > 2 else re.escape(one))
        for one in found
    )


def _set(brackets: str) -> str:
    inner = brackets[2:-1] if brackets[1] == "!" else brackets[1:-1]
    return re.sub(r"([\\\[\]^&~|])", r"\\\1", inner)


@contextlib.contextmanager
def _told(path: str, what: str) -> Iterator[None]:
    """Turns what boto3 raises into what `Store` promises."""
    try:
        yield
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        code = error.response.get("Error", {}).get("Code", "")
        if status in _MISSING and code != "NoSuchBucket":
            raise missing(path) from error
        if status in _DENIED:
            raise denied(path) from error
        if code == "NoSuchBucket":
            reason = f"there is no bucket {_parts(path)[0]}"
        else:
            reason = f"the store answers {status} {code}"
        raise silent(path, what, reason) from error
    except (BotoCoreError, HTTPClientError) as error:
        raise silent(path, what, error) from error
