"""What every way has in common in which labelled pictures arrive."""

from typing import Protocol

from components.image_example_gen.listing import ListedPicture, Listing


class Source(Protocol):
    """A module in this folder, known by its `NAME` in `registry`; standard library only.

    It alone knows how a picture's label, split and bytes are found; all others see its records.
    """

    NAME: str

    def list_pictures(self, path: str, pattern: str) -> Listing:
        """Lists the data folder `path`, of which `pattern` says what it holds.

        Args:
            path: a folder of this machine or an address such as `gs://bucket/photos`.
            pattern: of the setting `data.pattern`, with the numbers of its spans filled in.

        Raises:
            DataError: it cannot be listed, or what is there breaks a rule of this source.
            StoreError: the store of an address is unknown, or does not answer.
        """

    def check(self, path: str, pattern: str, min_images_per_class: int) -> Listing | None:
        """Refuses within milliseconds what cannot become a training set, before anything is read.

        Counts files, not readable pictures. None where that would need a framework, or the network:
        it is left to the ingest then.

        Raises:
            DataError: the rule that is broken.
        """

    def read(self, path: str, picture: ListedPicture) -> bytes:
        """The bytes of a picture that this source listed in the data folder `path`.

        Raises:
            bitpipe.stores.store.UNREADABLE: the file itself is to blame, and will be rejected.
            Exception: anything else, a store that is down for instance, ends the run.
        """
