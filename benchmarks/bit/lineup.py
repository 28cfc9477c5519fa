"""Which contenders meet in which rows, and what is expected of ours there."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from benchmarks.bit.process import KERAS, OURS, PYTORCH, Contender
from benchmarks.kit.rounds import Goal, fastest

# Tensors keep their memory between iterations instead of asking the kernel for it again. PyTorch's
# tuning guide advises its users to change the allocator; without it their steps are much slower.
_KEPT_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 32),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 35),
    "MALLOC_TOP_PAD_": str(1 << 26),
}
# Constant folding and packed weights, for inference.
_FREEZING = {"TORCHINDUCTOR_FREEZING": "1"}

OURS_GRAPH = Contender("ours", OURS, "bitpipe_tensorflow", "graph")
OURS_FOLDED = Contender("ours, folded", OURS, "bitpipe_tensorflow", "folded")
KERAS_GRAPH = Contender("Keras, tf.function", KERAS, "keras_resnet", "graph")
KERAS_COMPILE = Contender("Keras, compile()", KERAS, "keras_resnet", "compile")
TORCH_EAGER = Contender("PyTorch, eager", PYTORCH, "pytorch_resnet", "eager", _KEPT_MEMORY)
TORCH_FOLDED = Contender("PyTorch, folded", PYTORCH, "pytorch_resnet", "folded", _KEPT_MEMORY)
TORCH_COMPILED = Contender("PyTorch, compiled", PYTORCH, "pytorch_resnet", "compiled", _KEPT_MEMORY)
TORCH_FROZEN = Contender(
    "PyTorch, folded, compiled", PYTORCH, "pytorch_resnet", "compiled", _KEPT_MEMORY | _FREEZING
)
SERVED = Contender("ours, served", OURS, "bitpipe_tensorflow", "served")
SERVED_BFLOAT16 = Contender(
    "ours, served, bfloat16", OURS, "bitpipe_tensorflow", "served-bfloat16", bfloat16=True
)
TORCH_BFLOAT16 = Contender(
    "PyTorch, folded, compiled, bfloat16",
    PYTORCH,
    "pytorch_resnet",
    "compiled-bfloat16",
    _KEPT_MEMORY | _FREEZING,
    bfloat16=True,
)
JAX = Contender(
    "ours, JAX",
    OURS,
    "bitpipe_jax",
    "jit",
    {
        "KERAS_BACKEND": "jax",
        # Both contenders live on one device at the same time.
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    },
)
TIMM = Contender("timm, compiled", PYTORCH, "timm_resnet", "compiled")


def on_cpu(contender: Contender) -> Contender:
    """The contender that sees no accelerator."""
    hidden = {"JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""}
    return dataclasses.replace(contender, environment={**contender.environment, **hidden})


@dataclasses.dataclass(frozen=True)
class Row:
    """One workload and its contenders.

    Attributes:
        name: on the command line.
        title: in the report.
        image_size: side in pixels.
        batch: images per iteration.
        training: a step of the optimiser, or inference.
        contenders: the first one's answers are what all others are checked against.
        judged: of ours, the one that goals are for; with rivals in bfloat16, `judged_bfloat16`.
        keras_goal: how many times the speed of the faster Keras version is wanted.
    """

    name: str
    title: str
    image_size: int
    batch: int
    training: bool
    contenders: tuple[Contender, ...]
    judged: Contender
    keras_goal: float = 1.0
    judged_bfloat16: Contender | None = None

    @property
    def families(self) -> dict[str, str]:
        """Contender's name -> family."""
        return {contender.name: contender.family for contender in self.contenders}

    def on_cpu(self) -> Row:
        """The same on the CPU, also of a machine that has an accelerator."""
        return dataclasses.replace(self, contenders=tuple(map(on_cpu, self.contenders)))

    def goals(self, median: Mapping[str, float]) -> list[Goal]:
        """The goals of this row for the medians, in seconds, of those that ran."""
        goals = []
        for judged in filter(None, (self.judged, self.judged_bfloat16)):
            of_precision = [one for one in self.contenders if one.bfloat16 == judged.bfloat16]
            families = {one.name: one.family for one in of_precision}
            of_those = {name: value for name, value in median.items() if name in families}
            for family, least in ((KERAS, self.keras_goal), (PYTORCH, 1.0)):
                if family not in families.values():
                    continue
                rival = fastest(of_those, families, family)
                ratio = median[rival] / median[judged.name] if rival else None
                goals.append(Goal(f"{judged.name} against {rival or family}", least, ratio))
        return goals


_INFERENCE = (
    KERAS_GRAPH,
    KERAS_COMPILE,
    OURS_GRAPH,
    OURS_FOLDED,
    TORCH_EAGER,
    TORCH_FOLDED,
    TORCH_FROZEN,
)
_TRAINING = (KERAS_GRAPH, KERAS_COMPILE, OURS_GRAPH, TORCH_EAGER, TORCH_COMPILED)

_SERVING = (SERVED, TORCH_FROZEN, SERVED_BFLOAT16, TORCH_BFLOAT16)

# Sizes and goals are the project's own: what a CPU-only user of R50x1 does.
BIT_ROWS = (
    Row("train", "training step", 128, 32, True, _TRAINING, OURS_GRAPH, keras_goal=1.3),
    Row("infer-1", "inference", 128, 1, False, _INFERENCE, OURS_FOLDED, keras_goal=1.5),
    Row("infer-16", "inference", 128, 16, False, _INFERENCE, OURS_FOLDED, keras_goal=1.5),
    *(
        Row(
            f"serve-{batch}",
            "served",
            224,
            batch,
            False,
            _SERVING,
            SERVED,
            judged_bfloat16=SERVED_BFLOAT16,
        )
        for batch in (1, 16)
    ),
)

# Batches that two contenders at once should fit into 40 GB.
ACCELERATOR_ROWS = tuple(
    Row(f"train-{size}", "training step", size, batch, True, (JAX, TIMM), JAX)
    for size, batch in ((128, 256), (224, 128), (480, 32))
)
