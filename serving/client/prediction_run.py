"""Many pictures: asked about, counted, and recorded in a file to which a run can return."""

import os
from collections.abc import Iterable, Iterator

from bitpipe.stores import files
from serving.client.answer_file import AnswerFile
from serving.client.prediction_client import PredictionClient
from serving.client.stream import Answer


class PredictionRun:
    """Asks about pictures and counts; the counts are right at any moment, an interruption included.

    Args:
        client: who is asked.
        file: gets each answer; what it holds already is not asked about again. Without one, a
            picture that is named twice is asked about twice.

    Attributes:
        earlier: answers that earlier runs have left in the file.
        answered: answers in all, the earlier ones included.
        failed: those of them that are errors.
    """

    def __init__(self, client: PredictionClient, file: AnswerFile | None = None) -> None:
        self._client = client
        self._file = file
        self.earlier = self.answered = len(file.done) if file else 0
        self.failed = file.failed if file else 0

    def answers(self, images: Iterable[str | os.PathLike[str]]) -> Iterator[Answer]:
        """Asks about files, folders and patterns, as of `bitpipe.stores.files.find`.

        Each answer is in the file when it is given out. They come in the order of the pictures;
        for one that cannot be read, or is refused, an answer with its error.

        Raises:
            BitpipeError: nobody answers, or the file cannot be written; what was answered stays.
        """
        for answer in self._client.predict_each(self._remaining(images)):
            if self._file:
                self._file.write(answer)
            self.answered += 1
            self.failed += answer.error is not None
            yield answer

    def _remaining(self, images: Iterable[str | os.PathLike[str]]) -> Iterator[str]:
        seen = set(self._file.done) if self._file else set()
        for source in files.find(images):
            path = source.path
            if path in seen:
                continue
            if self._file:
                seen.add(path)
            yield path
