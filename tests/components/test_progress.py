import threading

from components import progress


def test_reports_reach_a_listener_only_while_it_listens():
    heard = []
    progress.report("train", 1, 10, loss=2.0)
    with progress.listen(lambda *report: heard.append(report)):
        progress.report("train", 2, 10, loss=1.5, accuracy=0.5)
    progress.report("train", 3, 10)

    assert heard == [("train", 2, 10, {"loss": 1.5, "accuracy": 0.5})]


def test_advance_adds_up_across_threads_and_never_runs_backwards():
    done = []
    with progress.listen(lambda *report: done.append(report[1])):
        threads = [
            threading.Thread(
                target=lambda: [progress.advance("ingest", 1, 400) for _ in range(100)]
            )
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert done == list(range(1, 401))


def test_report_restarts_the_count_of_advance():
    done = []
    with progress.listen(lambda *report: done.append(report[1])):
        progress.advance("ingest", 5, 10)
        progress.report("ingest", 0, 10)
        progress.advance("ingest", 1, 10)

    assert done == [5, 0, 1]


def test_a_count_does_not_outlive_its_listener():
    done = []
    for _ in range(2):
        with progress.listen(lambda *report: done.append(report[1])):
            progress.advance("ingest", 1, 10)

    assert done == [1, 1]


def test_a_listener_that_raises_is_dropped_and_the_stage_goes_on():
    heard = []

    def broken(*_report):
        heard.append("broken")
        raise RuntimeError("no terminal")

    with (
        progress.listen(broken),
        progress.listen(lambda *report: heard.append(report[1])),
    ):
        progress.report("train", 1, 2)
        progress.report("train", 2, 2)

    assert heard == ["broken", 1, 2]


def test_a_sentence_reaches_who_listens_to_them_and_the_log(caplog):
    heard = []
    with (
        progress.listen(lambda *_: None, said=lambda *told: heard.append(told)),
        caplog.at_level("INFO"),
    ):
        progress.say("Trainer", "This takes long.")
    progress.say("Trainer", "Nobody hears it.")
    assert heard == [("Trainer", "This takes long.")]
    assert "This takes long." in caplog.text
