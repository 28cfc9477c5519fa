"""A store that Beam reaches by addresses."""

from pathlib import Path

from apache_beam.io.filesystem import FileMetadata
from apache_beam.io.localfilesystem import LocalFileSystem


class BucketFileSystem(LocalFileSystem):
    """bucket://PATH is the local /PATH, in a store without folders, as gs:// and s3:// are."""

    @classmethod
    def scheme(cls):
        return "bucket"

    def has_dirs(self):
        return False

    def join(self, basepath, *paths):
        return "/".join([basepath, *paths])

    def _list(self, dir_or_prefix):
        local = Path(_local(dir_or_prefix))
        for path in (local if local.is_dir() else local.parent).rglob("*"):
            address = f"bucket://{path}"
            if path.is_file() and address.startswith(dir_or_prefix):
                facts = path.stat()
                yield FileMetadata(address, facts.st_size, facts.st_mtime)

    def exists(self, path):
        return Path(_local(path)).is_file()

    def metadata(self, path):
        facts = Path(_local(path)).stat()
        return FileMetadata(path, facts.st_size, facts.st_mtime)

    def open(self, path, *options, **more):
        return super().open(_local(path), *options, **more)

    def create(self, path, *options, **more):
        return super().create(_local(path), *options, **more)

    def rename(self, sources, destinations):
        super().rename([_local(path) for path in sources], [_local(path) for path in destinations])

    def delete(self, paths):
        super().delete([_local(path) for path in paths])


def _local(address: str) -> str:
    return address.removeprefix("bucket://")
