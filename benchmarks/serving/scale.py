"""How much of everything: a full run in a dozen minutes on two cores, and a quick one."""

from __future__ import annotations

import dataclasses

from benchmarks.serving import models


@dataclasses.dataclass(frozen=True)
class Scale:
    """Bounds of all scenarios.

    Attributes:
        model: the one compared with its direct call.
        rounds: turns of each in a comparison, even.
        turn_s: seconds of a turn.
        ramp_s: the part of it after which throughput is counted.
        batches: sizes among which the best one for direct calls is sought.
        probe_s: seconds for each of them.
        clients: of the closed loop that saturates the server.
        single_s: seconds of a turn with a single client.
        tiny_clients: of the closed loop on the tiny model.
        overload_s: seconds of twice as much load as can be answered.
        overload_rows: pictures of each request then.
        overload_clients: of the closed loop that finds the peak.
        setting_clients: of the closed loop that compares settings: two of the largest batches.
        setting_s: seconds of one setting's turn.
        swaps: new versions under load.
        malformed: requests that are not as they should be.
        malformed_warm_up: as many before, after which memory must not grow.
        hostile_s: seconds of each kind of attack.
        hostile_side: of hostile pictures, in pixels.
        soak: requests of the day.
        soak_s: when it is given up.
    """

    model: str
    rounds: int
    turn_s: float
    ramp_s: float
    batches: tuple[int, ...]
    probe_s: float
    clients: int
    single_s: float
    tiny_clients: int
    overload_s: float
    overload_rows: int
    overload_clients: int
    setting_clients: int
    setting_s: float
    swaps: int
    malformed: int
    malformed_warm_up: int
    hostile_s: float
    hostile_side: int
    soak: int
    soak_s: float


FULL = Scale(
    model=models.BIT,
    rounds=6,
    turn_s=6.0,
    ramp_s=1.5,
    batches=(1, 2, 4, 8, 16, 32),
    probe_s=1.5,
    clients=32,
    single_s=2.0,
    tiny_clients=32,
    overload_s=15.0,
    overload_rows=1,
    overload_clients=32,
    setting_clients=64,
    setting_s=5.0,
    swaps=50,
    malformed=10_000,
    malformed_warm_up=5_000,
    hostile_s=20.0,
    hostile_side=9_400,
    soak=86_400,
    soak_s=240.0,
)

QUICK = Scale(
    model=models.TINY,
    rounds=2,
    turn_s=0.4,
    ramp_s=0.1,
    batches=(1, 16),
    probe_s=0.1,
    clients=16,
    single_s=0.2,
    tiny_clients=16,
    overload_s=2.0,
    overload_rows=64,  # or else the sender would be slower than the tiny model
    overload_clients=4,
    setting_clients=32,
    setting_s=0.3,
    swaps=3,
    malformed=400,
    malformed_warm_up=100,
    hostile_s=4.0,
    hostile_side=9_400,  # or else they would be harmless
    soak=1_500,
    soak_s=10.0,
)
