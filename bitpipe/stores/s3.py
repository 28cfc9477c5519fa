"""Amazon S3, and what speaks its protocol (MinIO, Ceph, R2), by boto3.

Beam knows s3:// as well, but makes a client for every file, which takes longer than the file, and
asks a store that does not answer for ten minutes. Address, region and credentials are those of the
AWS command line: AWS_ENDPOINT_URL, AWS_REGION, AWS_PROFILE and the like, or ~/.aws.
"""

import contextlib
import datetime
import errno
import os
import re
import time
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

import boto3
import botocore.session
import botocore.utils
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
    ReadTimeoutError,
    ResponseStreamingError,
)

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
    retries={"mode": "standard", "max_attempts": 4},  # after the first, within seconds
    max_pool_connections=64,
    # Stores other than Amazon's do not all know the checksums that newer clients add.
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)
_MISSING, _DENIED = (404,), (401, 403)
# What is wrong with whoever asks, whatever file is asked for.
_STRANGERS = frozenset(
    ("InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken")
)
_ELSEWHERE = frozenset(
    ("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException")
)
# An answer that breaks off: boto3 tries again until one begins, and no more.
_BROKEN = (IncompleteReadError, ReadTimeoutError, ResponseStreamingError)
_ANSWERS = 5  # as many as boto3 asks for
_PAUSE_S = 0.5  # before the second answer is asked for, twice as long before the next


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
        with _told(path, "read"):
            yield from _received(path)

    def read(self, path: str, max_bytes: int = MAX_FILE_BYTES) -> bytes:
        """See `Store`."""
        with _told(path, "read"):
            return b"".join(_received(path, max_bytes=max_bytes))

    def read_range(self, path: str, start: int, size: int) -> bytes:
        """See `Store`."""
        if not size:
            return b""
        with _told(path, "read"):
            return b"".join(_received(path, start, start + size))

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
    names = ("AWS_ENDPOINT_URL", "AWS_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID")
    return _client_of(os.getpid(), *map(os.environ.get, names))


@lru_cache(maxsize=2)
def _client_of(process: int, *settings: str | None) -> Any:  # noqa: ARG001  # the cache's key
    try:
        core = botocore.session.get_session()
        core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_time)
        # boto3 itself knows AWS_DEFAULT_REGION alone.
        region = os.environ.get("AWS_REGION") or None
        session = boto3.session.Session(botocore_session=core, region_name=region)
        return session.client("s3", config=_CONFIG)
    except (BotoCoreError, ValueError) as error:  # a profile that is not there, a malformed address
        raise StoreError(
            f"s3:// cannot be used: {error}. Correct AWS_ENDPOINT_URL, AWS_REGION or AWS_PROFILE."
        ) from error


def _time(said: Any) -> datetime.datetime:
    """A time in an answer; that of a listing without the guesses that took two thirds of it."""
    try:
        return datetime.datetime.fromisoformat(said.replace("Z", "+00:00"))
    except (AttributeError, ValueError):  # of another form, as in headers
        found: datetime.datetime = botocore.utils.parse_timestamp(said)
        return found


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


def _received(
    path: str, start: int = 0, stop: int | None = None, max_bytes: int | None = None
) -> Iterator[bytes]:
    """The bytes of an object from a position on; an answer that breaks off is taken up there."""
    bucket, key = _parts(path)
    asked: dict[str, Any] = {"Bucket": bucket, "Key": key}
    position, answers = start, 0
    while True:
        if position or stop:
            asked["Range"] = f"bytes={position}-{stop - 1 if stop else ''}"
        answer = _client().get_object(**asked)
        answers += 1
        if max_bytes is not None and position + answer["ContentLength"] > max_bytes:
            answer["Body"].close()
            raise UnfitFileError(errno.EFBIG, f"it has more than {max_bytes} bytes", path)
        asked["IfMatch"] = answer["ETag"]  # the rest of the same object
        try:
            with contextlib.closing(answer["Body"]) as body:
                for chunk in body.iter_chunks(_CHUNK_BYTES):
                    yield chunk
                    position += len(chunk)
            return
        except _BROKEN:
            if answers == _ANSWERS:
                raise
        time.sleep(_PAUSE_S * 2 ** (answers - 1))


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
        if code == "NoSuchBucket":
            reason = f"there is no bucket {_parts(path)[0]}"
        elif code in _STRANGERS:
            reason = f"the store does not accept these credentials ({code})"
        elif code in _ELSEWHERE:
            reason = f"the bucket {_parts(path)[0]} is in another region than AWS_REGION says"
        elif status in _DENIED:
            raise denied(path) from error
        else:
            reason = f"the store answers {status} {code}"
        raise silent(path, what, reason) from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        reason = f"{str(error).rstrip('.')}: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and its secret"
        raise silent(path, what, reason) from error
    except (IncompleteReadError, ResponseStreamingError) as error:
        raise silent(path, what, f"the answer broke off {_ANSWERS} times") from error
    except (BotoCoreError, HTTPClientError) as error:
        raise silent(path, what, error) from error
