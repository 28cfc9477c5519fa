import pytest

from bitpipe import beam as options_of_beam
from bitpipe.errors import ConfigError
from pipeline.settings import beam, config


def options(*overrides):
    return beam.options(config.load("smoke", overrides).config.beam)


def test_without_a_word_all_runs_in_this_process():
    assert options_of_beam.is_in_process(options())
    assert options("beam.options=[--job_name=nightly]")[-1] == "--job_name=nightly"


@pytest.mark.parametrize("runner", ["portable", "flink", "spark"])
def test_a_job_server_gets_the_job_and_starts_our_image_or_asks_a_pool(runner):
    server = (f"beam.runner={runner}", "beam.job_endpoint=jobs:8099")
    in_docker = options(*server, "beam.image=bitpipe:cpu")
    in_pool = options(*server, "beam.worker_pool=localhost:50000")

    for found in (in_docker, in_pool):
        assert "--runner=PortableRunner" in found
        assert "--job_endpoint=jobs:8099" in found
        assert not options_of_beam.is_in_process(found)
    assert {"--environment_type=DOCKER", "--environment_config=bitpipe:cpu"} <= set(in_docker)
    assert "--sdk_container_image=bitpipe:cpu" in in_docker
    assert {"--environment_type=EXTERNAL", "--environment_config=localhost:50000"} <= set(in_pool)


def test_parallelism_is_told_in_the_engines_words():
    flink = ("beam.runner=flink", "beam.job_endpoint=jobs:8099", "beam.image=bitpipe:cpu")
    dataflow = ("runner: dataflow", "image: i", "project: p", "region: r", "temp_location: gs://b/")

    assert "--parallelism=4" in options(*flink, "beam.parallelism=4")
    found = options(f"beam={{{', '.join(dataflow)}, parallelism: 4}}")
    assert {"--num_workers=4", "--temp_location=gs://b/", "--project=p"} <= set(found)


def test_processes_of_this_machine_and_an_engine_elsewhere_contradict_each_other():
    spark = ("beam={runner: spark, job_endpoint: 'a:1', image: a}", "data.workers=2")
    with pytest.raises(ConfigError, match=r"Received: 2 and beam\.runner=spark; leave it"):
        options(*spark)


def test_a_job_server_may_know_options_that_beam_does_not_but_slips_are_told():
    spark = "beam={{runner: spark, job_endpoint: 'a:1', image: a, options: [{}]}}"
    assert options(spark.format("--checkpointing_interval=9"))[-1] == "--checkpointing_interval=9"
    with pytest.raises(ConfigError, match="did you mean --max_parallelism"):
        options(spark.format("--max_paralelism=9"))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], True),
        (["--runner=FnApiRunner", "--direct_running_mode=in_memory"], True),
        (["--direct_running_mode=multi_processing"], False),
        (["--runner=FnApiRunner", "--runner=PortableRunner"], False),
    ],
)
def test_whether_beam_has_workers_elsewhere(given, expected):
    assert options_of_beam.is_in_process(given) is expected


def test_the_last_number_of_workers_counts_and_zero_means_all_cores(monkeypatch):
    monkeypatch.setattr(options_of_beam.cores, "available", lambda: 64)

    assert options_of_beam.workers([]) == 1
    assert options_of_beam.workers(["--direct_num_workers=1", "--direct_num_workers=3"]) == 3
    assert options_of_beam.workers(["--direct_num_workers=0"]) == 16
