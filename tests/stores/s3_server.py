"""Runs moto's S3 on a port, with a bucket of many objects; in the environment that has moto."""

import sys

MANY = 10_000


def serve(port: str) -> None:
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.s3.models import s3_backends
    from moto.server import main

    backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    for bucket in ("many", "photos"):
        backend.create_bucket(bucket, "us-east-1")
    # Over HTTP, these would take minutes.
    for number in range(MANY):
        backend.put_object("many", f"all/{'ab'[number % 2]}/{number:05}.png", b"x")
    main(["-H", "127.0.0.1", "-p", port])


if __name__ == "__main__":
    serve(sys.argv[1])
