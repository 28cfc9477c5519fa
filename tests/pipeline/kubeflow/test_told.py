"""What a compiled pipeline says of its runs reaches the task that reports them."""

import re

from pipeline.kubeflow import told
from pipeline.report.facts import Setting, Told


def test_the_runs_folder_takes_its_place_and_the_text_passes_every_shell():
    known = Told(
        name="flowers",
        data=told.DATA,
        command=f"bitpipe submit --param data={told.DATA}",
        settings=(Setting("data.pattern", "span-{SPAN}/*/* 'é' {{$.x}}", "the file"),),
    )
    text = told.pack(known)
    assert re.fullmatch(r"[A-Za-z0-9+/=]+", text)
    found = told.unpack(text, "gs://bucket/photos")
    assert found.data == "gs://bucket/photos"
    assert found.command == "bitpipe submit --param data=gs://bucket/photos"
    assert found.settings == known.settings
