"""Beam's own job service, `local_job_service_main`, which gives the work to several workers.

By itself it asks the pool for one. Flink and Spark ask for as many as they have slots.
"""

import logging
import sys

from apache_beam.runners.portability import local_job_service, local_job_service_main
from apache_beam.runners.portability.fn_api_runner import fn_runner

WORKERS = 2


class Runner(fn_runner.FnApiRunner):
    def __init__(self, **options):
        super().__init__(**options)
        self._num_workers = WORKERS


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    local_job_service.fn_runner.FnApiRunner = Runner
    local_job_service_main.run(sys.argv[1:])
