"""The task that writes a run's report, as an HTML artifact for Kubeflow's page.

A task of its own behind the last stage: it is never cached, and Kubeflow keeps what it wrote
whatever the gate says next. The model is judged and pushed by then, so a report that cannot be
written is told in the summary and fails nothing.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from pathlib import Path

import click

from pipeline.kubeflow import told as packed
from pipeline.report.facts import Told

_log = logging.getLogger("bitpipe")


@click.command()
@click.option("--run-id", required=True)
@click.option("--summary", required=True, help="File for a summary in Markdown.")
@click.option("--metadata", default="", help="Address of ML Metadata.")
@click.option("--report", required=True, help="File for the page.")
@click.option("--told", required=True, help="What is known of the run, packed.")
@click.option("--data", required=True, help="The run's folder of pictures.")
def main(run_id: str, summary: str, metadata: str, report: str, told: str, data: str) -> None:
    """Writes the report of a run."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    try:
        text = _write(run_id, metadata, Path(report), packed.unpack(told, data))
    except Exception as error:
        _log.exception("The report could not be written.")
        text = f"The report could not be written: {error}"
    path = Path(summary)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"# Report\n\n{text}\n", encoding="utf-8")


def _write(run_id: str, metadata: str, report: Path, told: Told) -> str:
    from ml_metadata.metadata_store import metadata_store

    from pipeline.kubeflow.task import imports, mlmd

    imports.defer_components()
    from pipeline.report import lineage, writing

    store = metadata_store.MetadataStore(mlmd.connection(metadata))
    with tempfile.TemporaryDirectory() as folder:
        page = writing.write(Path(folder), told, lineage.find(store, run_id))
        report.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(page, report)
    return f"The report is this task's artifact `report` ({report.stat().st_size / 1e6:.1f} MB)."


if __name__ == "__main__":
    main()
