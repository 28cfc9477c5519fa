"""What training can be told, typed and frozen; the defaults leave the BiT-HyperRule untouched.

Plain msgspec structs without any framework, so that the command line can check a configuration in
milliseconds and a stage in a container can read it back from its execution properties. What the
ingest and the gate can be told stands beside them: the Trainer's cache key holds this file, and a
new setting of the gate is no reason to train again.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Share = Annotated[float, Meta(ge=0.0, le=1.0)]
# TensorFlow's shapes and schedules count in 32 bits, ML Metadata in 64.
LARGEST_INT = 2**31 - 1
PositiveInt = Annotated[int, Meta(ge=1, le=LARGEST_INT)]
NonNegativeInt = Annotated[int, Meta(ge=0, le=LARGEST_INT)]
PositiveFloat = Annotated[float, Meta(gt=0.0)]
PixelSize = Annotated[int, Meta(ge=8, le=4096)]


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Common options: immutable, and an unknown key is an error rather than a silent no-op."""


# Overrides of the HyperRule that are for the whole network, unless a head is asked for by name.
OF_A_SCHEDULE = ("steps", "learning_rate", "warmup_steps", "boundaries")

# A backbone that is not pre-trained.
SCRATCH = "scratch"


class ModelSettings(Settings, frozen=True):
    """Which network, and where its weights come from."""

    # A name from components/bit/variants.py; `None`: what the backbone tells, else R50x1.
    variant: str | None = None
    # SCRATCH, a name from components.bit.sources.SOURCES, a path, or a TF Hub handle.
    backbone: str = "bit-m-r50x1"
    # A SavedModel given as backbone is a program; whether it may be run, to tell which of its
    # weights is which where they have no names.
    trust_backbone: bool = False


class LabelSafe(Settings, frozen=True):
    """Which augmentations keep the label true.

    No crop where things are counted, no flip where orientation is the label.
    """

    crop: bool = True
    flip: bool = True


class TrainSettings(Settings, frozen=True):
    """Overrides of the HyperRule; `None` leaves its choice."""

    # What is trained: the whole network, a head on frozen features, or one after the other; `auto`
    # chooses by the table of components.training.method.
    method: Literal["auto", "fine_tune", "probe", "probe_then_fine_tune"] = "auto"
    # What training starts from: `model.backbone` each time, or the model in service.
    warm_start: Literal["upstream", "served"] = "upstream"
    # The time that `auto` may spend on training.
    minutes: PositiveFloat | None = None
    steps: PositiveInt | None = None
    # Passes over the training pictures, in place of `steps`.
    epochs: PositiveFloat | None = None
    batch_size: PositiveInt = 512
    # Pictures in a device's memory at a time; the gradients of a batch are summed up over so many.
    # Divides batch_size; `None` takes as many as the memory allows.
    micro_batch_size: PositiveInt | None = None
    # `auto`: bfloat16 on a TPU and on GPUs that compute in it, float16 on older ones.
    precision: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"] = "auto"
    # `auto`: what is there, see components.training.devices.
    distribution: Literal["auto", "one_device", "mirrored", "multi_worker", "tpu"] = "auto"
    # Compile the step with XLA; `None`: on accelerators only.
    jit_compile: bool | None = None
    # Steps between two checkpoints, from which a killed run goes on, and two looks of keep_best.
    checkpoint_every: PositiveInt = 50
    # Ends with the weights that did best on pictures held out of the training split, which the gate
    # never judges by.
    keep_best: bool = False
    held_out_share: Annotated[float, Meta(gt=0.0, le=0.5)] = 0.1
    # Looks without a better result after which training ends early; `None` takes all steps.
    patience: PositiveInt | None = None
    # `balanced`: a class counts as much as any other, however many pictures it has.
    class_weights: Literal["none", "balanced"] = "none"
    # The rate at this very batch size; the rule's own is 0.003 * batch_size / 512.
    learning_rate: PositiveFloat | None = None
    warmup_steps: NonNegativeInt | None = None
    boundaries: tuple[PositiveInt, ...] | None = None
    resize: PixelSize | None = None
    crop: PixelSize | None = None
    # Side of the pictures that the head of a probe learns from and the served model sees; `None`:
    # the crop, which is what the whole network is trained on.
    eval_size: PixelSize | None = None
    mixup_alpha: Annotated[float, Meta(ge=0.0)] | None = None
    label_safe: LabelSafe = LabelSafe()
    examples_per_class: PositiveInt | None = None
    seed: NonNegativeInt = 0

    def hyperrule_overrides(self) -> dict[str, object]:
        """The settings that replace a value of the HyperRule, by the rule's own names."""
        names = (*OF_A_SCHEDULE, "resize", "crop", "eval_size", "mixup_alpha")
        given = {name: getattr(self, name) for name in names}
        return {name: value for name, value in given.items() if value is not None}


class ExportSettings(Settings, frozen=True):
    """What the deployed model is like."""

    # In which its network computes; `auto`: bfloat16 where the machine that trains multiplies in it
    # and it is faster.
    precision: Literal["float32", "bfloat16", "auto"] = "float32"
