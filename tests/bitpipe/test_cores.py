import os

from bitpipe import cores


def test_a_containers_limit_counts_where_it_is_below_what_the_process_is_bound_to(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert cores.available(tmp_path) == 8
    for text, expected in (
        ("max 100000", 8),
        ("250000 100000", 3),
        ("50000 100000", 1),
        ("nonsense", 8),
    ):
        (tmp_path / "cpu.max").write_text(text)
        assert cores.available(tmp_path) == expected
    (tmp_path / "cpu.max").unlink()
    (tmp_path / "cpu").mkdir()
    for quota, expected in (("-1", 8), ("200000", 2)):
        (tmp_path / "cpu/cpu.cfs_quota_us").write_text(quota)
        (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000")
        assert cores.available(tmp_path) == expected
