"""Pre-trains `bit-mini`: `python -m pretraining STEP`, or all steps with `make pretrain`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from bitpipe.errors import BitpipeError


class _Steps(click.Group):
    """Ends with one sentence and its exit code where a user can put things right."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except BitpipeError as error:
            click.echo(f"Error: {error}", err=True)
            context.exit(error.exit_code)


@click.group(cls=_Steps)
@click.option(
    "--cache",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="BITMINI_CACHE",
    required=True,
    help="Folder for decoded pictures, answers and checkpoints; outside the repository.",
)
@click.option("--seed", default=0, show_default=True)
@click.option("--threads", default=os.cpu_count() or 1, show_default=True)
@click.pass_context
def main(context: click.Context, cache: Path, seed: int, threads: int) -> None:
    """Distils a small BiT from an ImageNet teacher. Every step goes on where it was stopped."""
    # Before PyTorch is loaded. Threads that spin while they wait take the core from others on a
    # shared machine: the teacher answered 21 pictures/s so, and 53 with threads that sleep.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    context.obj = {"cache": cache, "seed": seed, "threads": threads}


@main.command()
@click.argument("sources", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--teacher", "name", default="lite2", show_default=True)
@click.option("--size", default=160, show_default=True, help="Pixels of what the teacher sees.")
@click.option("--views", "count", default=1, show_default=True, help="How many a picture.")
@click.pass_obj
def answers(obj: dict, sources: tuple[Path, ...], name: str, size: int, count: int) -> None:
    """Writes the teacher's answers to the pictures of SOURCES, folders or zips."""
    import torch

    from pretraining import answers, asking, pictures, teacher

    torch.set_num_threads(obj["threads"])
    stored = pictures.open_or_build(sources, obj["cache"] / "pictures")
    network = teacher.load(name).to("cuda" if torch.cuda.is_available() else "cpu")
    folder = answers.folder_of(obj["cache"], stored, name, size, obj["seed"])
    asker = asking.Asker(stored, network, size, obj["seed"])
    asker.write_judged(folder)
    for view in range(count):
        asker.write(folder, view, click.echo)


@main.command()
@click.option("--run", default="main", show_default=True, help="Name of the run to begin or go on.")
@click.option("--variant", default="R26x0.5", show_default=True)
@click.option("--teacher", "name", default="lite2", show_default=True)
@click.option("--teacher-size", default=160, show_default=True, help="As given to `answers`.")
@click.option("--parts", type=int, help="Use so many parts of a view; all that are there if not.")
@click.option("--labels", default=0.5, show_default=True, help="Share of the true labels.")
@click.option("--mixup", default=0.2, show_default=True, help="Alpha; 0 for none.")
@click.option("--batch", default=256, show_default=True)
@click.option("--rate", default=0.3, show_default=True, help="Stable learning rate.")
@click.option("--warmup", default=50_000, show_default=True, help="Pictures.")
@click.option("--weight-decay", default=5e-5, show_default=True)
@click.option("--average", default=100_000, show_default=True, help="Pictures, of the weights.")
@click.option(
    "--sizes",
    default="48:5000000,64:10000000,96:12000000",
    show_default=True,
    help="Sides in pixels, and after how many pictures each one ends; the last one does not.",
)
@click.option("--until", type=int, help="Stop after so many pictures; go on later if you like.")
@click.option("--judged-every", default=50_000, show_default=True, help="Pictures.")
@click.pass_obj
def train(
    obj: dict,
    /,
    run: str,
    name: str,
    teacher_size: int,
    labels: float,
    mixup: float,
    rate: float,
    warmup: int,
    sizes: str,
    until: int | None,
    judged_every: int,
    **settings: Any,
) -> None:
    """Trains the student. All options but --until count when the run begins."""
    from pretraining import answers, batches, pictures, schedule, state

    stored = pictures.open_or_build([], obj["cache"] / "pictures")
    folder = answers.folder_of(obj["cache"], stored, name, teacher_size, obj["seed"])
    phases = (pair.split(":") for pair in sizes.split(","))
    pairs = tuple((int(size), int(end)) for size, end in phases)
    _train(
        obj,
        state.Settings(
            seed=obj["seed"],
            targets=batches.Targets(labels, mixup),
            schedule=schedule.Schedule(rate, warmup, pairs),
            answers=folder.name,
            **settings,
        ),
        run,
        judged_every,
        until,
    )


@main.command()
@click.option("--run", default="main", show_default=True, help="Name of the run to copy.")
@click.option("--as", "copy", required=True, help="Name of the copy.")
@click.option("--pictures", "count", default=100_000, show_default=True, help="Its length.")
@click.option("--size", default=128, show_default=True, help="Pixels.")
@click.option("--judged-every", default=20_000, show_default=True, help="Pictures.")
@click.pass_obj
def cool(obj: dict, run: str, copy: str, count: int, size: int, judged_every: int) -> None:
    """Cools a copy of a run down, to be exported; the run itself stays as it is."""
    from pretraining import train

    folder = obj["cache"] / "runs"
    settings = train.cool(folder / run, folder / copy, count, size)
    _train(obj, settings, copy, judged_every, None)


@main.command()
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--run", default="main", show_default=True)
@click.pass_obj
def export(obj: dict, path: Path, run: str) -> None:
    """Writes a run's averaged weights to PATH (.npz), a proof and a record of the run beside it."""
    from pretraining import answers, export, network, pictures, records

    state = _state(obj, run)
    stored = pictures.open_or_build([], obj["cache"] / "pictures")
    digest = export.write(dict(network.to_checkpoint(state.average)), path)
    export.write_proof(path, path.with_suffix(".proof.npz"), state.settings.variant)
    views = answers.read_all(obj["cache"] / state.settings.answers, state.settings.parts)
    record = records.of_run(state, stored, sum(map(len, views)), path, digest)
    records.write(path, "run", record)
    click.echo(f"{path}: {path.stat().st_size:,} bytes, sha256 {digest}")


@main.command()
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def check(path: Path) -> None:
    """Compares the product's answers with the weights of PATH to those of the training."""
    from pretraining import export, records

    difference = export.check(path, path.with_suffix(".proof.npz"))
    records.write(path, "check", {"difference": difference})
    click.echo(f"{path}: logits differ by {difference:.2g} at most")


@main.command()
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--data", required=True, type=click.Path(exists=True, path_type=Path))
@click.pass_obj
def probe(obj: dict, path: Path, data: Path) -> None:
    """Judges the weights of PATH by linear probes on the sets in the folder --data."""
    import torch

    from pretraining import export, network, probe, records

    torch.set_num_threads(obj["threads"])
    student = network.restore(export.read(path), records.read(path)["run"]["variant"])
    scores: dict[str, dict[str, dict[str, float]]] = {}
    for name, judged, file, sizes in (
        ("tf_flowers", probe.flowers, "flower_photos_160.zip", probe.FLOWERS_SIZES),
        ("cifar10", probe.cifar10, "cifar10_subset.zip", probe.CIFAR_SIZES),
        ("ants_bees", probe.ants_bees, "ants_bees.zip", probe.ANTS_SIZES),
    ):
        scores[name] = {}
        for size in sizes:
            score = scores[name][str(size)] = judged(student, data / file, size)
            click.echo(f"{name}, {size} px: {score['top1']:.3f} ± {score['spread']:.3f}")
            records.write(path, "probes", scores)


@main.command()
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--data", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--rounds", default=20, show_default=True, help="How often each picture is seen.")
@click.pass_obj
def scratch(obj: dict, path: Path, data: Path, rounds: int) -> None:
    """Trains the network of PATH on tf_flowers from scratch, to compare."""
    import torch

    from pretraining import records, scratch

    torch.set_num_threads(obj["threads"])
    variant = records.read(path)["run"]["variant"]
    scores = scratch.flowers(variant, data / "flower_photos_160.zip", rounds, click.echo)
    records.write(path, "scratch", scores)
    click.echo(f"tf_flowers from scratch: {scores['tf_flowers']:.3f}")


@main.command()
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("runs", nargs=-1, required=True)
@click.option("--data", required=True, type=click.Path(exists=True, path_type=Path))
@click.pass_obj
def compare(obj: dict, path: Path, runs: tuple[str, ...], data: Path) -> None:
    """Puts the ends of RUNS, short ones by different recipes, into the record of PATH."""
    import torch

    from pretraining import network, probe, records

    torch.set_num_threads(obj["threads"])
    rows = []
    for run in runs:
        state = _state(obj, run)
        arrays = dict(network.to_checkpoint(state.average))
        student = network.restore(arrays, state.settings.variant)
        score = probe.flowers(student, data / "flower_photos_160.zip", probe.FLOWERS_SIZES[0])
        rows.append(records.of_recipe(run.removeprefix("recipe-"), state, score["top1"]))
        click.echo(f"{run}: tf_flowers {score['top1']:.3f}, {rows[-1]['held_out']}")
        records.write(path, "recipes", rows)


@main.command()
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("card", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def card(path: Path, card: Path) -> None:
    """Writes the numbers of the record of PATH into the model card CARD."""
    from pretraining import card as writer
    from pretraining import records

    card.write_text(writer.update(card.read_text("utf-8"), records.read(path)), "utf-8")


@main.command("all")
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--views", "count", default=4, show_default=True, help="Of each picture.")
@click.option("--until", default=12_000_000, show_default=True, help="Pictures before cooling.")
@click.option("--cooldown", default=300_000, show_default=True, help="Pictures.")
@click.option("--card", "card_path", type=click.Path(exists=True, path_type=Path))
@click.pass_context
def everything(
    context: click.Context,
    data: Path,
    count: int,
    until: int,
    cooldown: int,
    card_path: Path | None,
) -> None:
    """All steps on the zips in the folder DATA, each going on where it was stopped.

    The weights come to lie in the cache, as bit-mini.npz.
    """
    path = context.obj["cache"] / "bit-mini.npz"
    context.invoke(answers, sources=tuple(sorted(data.glob("*imagenet*.zip"))), count=count)
    context.invoke(train, until=until)
    context.invoke(cool, copy="cooled", count=cooldown)
    context.invoke(export, path=path, run="cooled")
    context.invoke(check, path=path)
    context.invoke(probe, path=path, data=data)
    context.invoke(scratch, path=path, data=data)
    if card_path is not None:
        context.invoke(card, path=path, card=card_path)


def _state(obj: dict, run: str) -> Any:
    from pretraining import checkpoints

    state = checkpoints.load(obj["cache"] / "runs" / run)
    if state is None:
        raise click.UsageError(f"there is no run {run!r} in {obj['cache'] / 'runs'}.")
    return state


def _train(obj: dict, settings: Any, run: str, judged_every: int, until: int | None) -> None:
    import torch

    from pretraining import pictures, train

    torch.set_num_threads(obj["threads"])
    has_gpu = torch.cuda.is_available()
    train.Trainer(
        settings,
        pictures.open_or_build([], obj["cache"] / "pictures"),
        obj["cache"],
        obj["cache"] / "runs" / run,
        judged_every=judged_every,
        # On a CPU one thread makes several times what is learned, and more would take its cores.
        workers=max(1, (os.cpu_count() or 1) - 1) if has_gpu else 1,
        show=click.echo,
    ).train(until)


if __name__ == "__main__":
    main()
