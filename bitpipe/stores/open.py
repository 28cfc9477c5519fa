"""From a path or an address to the store where it lies."""

from bitpipe.errors import StoreError
from bitpipe.stores.local import LocalStore
from bitpipe.stores.paths import FILE, WEB, is_remote, local_path
from bitpipe.stores.store import Store


def store_of(path: str) -> Store:
    """The store of a path; Beam, which takes seconds to import, only for what needs it.

    Raises:
        StoreError: an address of a kind that Beam, as it is installed, does not know; or there is
            no Beam, or for s3:// no boto3.
    """
    if not is_remote(path):
        return LocalStore()
    if path.startswith("s3://"):
        try:
            from bitpipe.stores.s3 import S3Store
        except ModuleNotFoundError as error:
            raise StoreError(
                f"Addresses such as {path} are read with boto3, which is not installed here. "
                "Install it with `uv pip install 'bitpipe[s3]'`, or name a folder of this machine."
            ) from error
        return S3Store(path)
    if path.startswith(WEB):
        from bitpipe.stores.web import WebStore

        return WebStore(path)
    if path.startswith(FILE):
        raise StoreError(
            "Files of this machine are named by their paths. "
            f"Received: {path}; name {local_path(path)}."
        )
    try:
        from bitpipe.stores.remote import RemoteStore
    except ModuleNotFoundError as error:
        raise StoreError(
            f"Addresses such as {path} are read with Beam, which is not installed here. Install it "
            f"with `uv pip install 'bitpipe[batch]'`, or name a folder of this machine."
        ) from error
    return RemoteStore(path)
