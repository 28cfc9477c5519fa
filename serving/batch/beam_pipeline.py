"""Answers a job's shards on Beam, with the model in each worker's process."""

from collections.abc import Iterator, Sequence
from functools import partial

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.utils.shared import Shared

from bitpipe.stores import files
from bitpipe.stores.open import store_of
from bitpipe.stores.store import Found
from serving.batch.job import Job
from serving.client.stream import Answer, Item, answer_each
from serving.limits import MAX_MESSAGE_BYTES
from serving.model.in_process import InProcessModel

# One batch is computed while the next is handed over.
IN_FLIGHT = 2


def run(job: Job, *, batch_size: int, options: Sequence[str]) -> None:
    """Answers all shards that have no answers yet.

    Args:
        job: that was begun.
        batch_size: pictures that the model is given at a time.
        options: of Beam, as on a command line.

    Raises:
        RuntimeError, OSError: a shard that failed; Beam's own error, with the worker's traceback.
            What was answered before it stays.
    """
    with beam.Pipeline(options=PipelineOptions(list(options))) as pipeline:
        _ = (
            pipeline
            | "Shards" >> beam.Create(job.progress().todo)
            | "Spread" >> beam.Reshuffle()
            | "Answer" >> beam.ParDo(_AnswerShard(job, batch_size))
        )


class _AnswerShard(beam.DoFn):
    def __init__(self, job: Job, batch_size: int) -> None:
        super().__init__()
        self._job = job
        self._batch_size = batch_size
        self._shared = Shared()  # a process's threads share one model

    def setup(self) -> None:
        request = self._job.request
        load = partial(InProcessModel, request.model, request.version)
        self._model: InProcessModel = self._shared.acquire(load)

    def process(self, element: int) -> Iterator[None]:
        try:
            sources = self._job.sources(element)
        except FileNotFoundError:  # some runners do the same work twice
            return
        tally = _Tally()
        answers = answer_each(
            self._model.predict,
            map(_item, sources),
            batch_size=self._batch_size,
            batch_bytes=MAX_MESSAGE_BYTES,
            in_flight=IN_FLIGHT,
        )
        path, form = self._job.answers_path(element), self._job.format
        records = (form.encode(tally.counted(answer)) for answer in answers)
        store_of(path).write(path, _headed(form.header, records))
        self._job.finish(element, tally.answered, tally.failed)
        yield from ()


class _Tally:
    def __init__(self) -> None:
        self.answered = self.failed = 0

    def counted(self, answer: Answer) -> Answer:
        self.answered += 1
        self.failed += answer.error is not None
        return answer


def _item(found: Found) -> Item:
    return Item(found.path, partial(files.read, found))


def _headed(header: bytes, records: Iterator[bytes]) -> Iterator[bytes]:
    yield header
    yield from records
