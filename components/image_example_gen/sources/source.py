"""What every way has in common in which labelled pictures arrive."""

from typing import Protocol

from components.image_example_gen.listing import ListedPicture


class Source(Protocol):
    """A module in this folder, known by its `NAME` in `registry`; imports no framework.

    It alone knows how a picture's label, split and bytes are found; all others see the records of
    the `Listing` that its other functions make.
    """

    NAME: str

    def read(self, path: str, picture: ListedPicture) -> bytes:
        """The bytes of a picture that this source listed in the data folder `path`.

        Raises:
            bitpipe.stores.store.UNREADABLE: the file itself is to blame, and will be rejected.
            Exception: anything else, a store that is down for instance, ends the run.
        """
