"""The forecast of `mmzero plan` against what is known: published steps, the simulation, simulated peers.

    python tests/bench/forecast.py published    EasyR1's published steps of Qwen2.5-VL on geometry3k, with the errors
    python tests/bench/forecast.py simulated    closed form, simulation, and the collection pipeline itself on peers of
                                                fixed capacity (tests/bench/collect.py), about a minute
    python tests/bench/forecast.py schedules    Proposer stage of a 7B on 8 and 16 GPUs: today, all GPUs in turn,
                                                one step of overlap, other splits

Published: EasyR1 v0.3.2 assets/baselines.md, 512 prompts x 5 samples, updates of 128 prompts, reference offloaded,
parameters and optimiser offloaded, micro-batches as token budgets of 1 or 4 (experience: 2 or 8) full lengths of 4,096.
Total tokens follow from its tokens per second per GPU. Not published: how they divide into prompt and response.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from recipe.mmzero.machine.capacity import account, model_of  # noqa: E402
from recipe.mmzero.machine.forecast import closed, layouts, lengths, pipeline, roofline, servers  # noqa: E402
from recipe.mmzero.machine.forecast.constants import engine, gpu, gpu_of  # noqa: E402
from recipe.mmzero.machine.forecast.predict import predict, waited  # noqa: E402
from recipe.mmzero.machine.forecast.workload import gpu_counts, layout_with, stage  # noqa: E402
from recipe.mmzero.settings import schema  # noqa: E402
from tests.bench import collect  # noqa: E402

PROMPT = 400  # tokens of a prompt with its picture (assumed; 262,144 pixels, the least, are 334)
# model, card, full lengths per micro-batch, tokens/s/GPU, seconds per step, actor MFU; the two fitted rows come first
PUBLISHED = (
    ("qwen2_5_vl_7b", "h100", 1, 1600, 145, 0.160),
    ("qwen2_5_vl_7b", "h100", 4, 2000, 120, 0.232),
    ("qwen2_5_vl_3b", "h100", 1, 1800, 120, 0.081),
    ("qwen2_5_vl_7b", "l20", 1, 410, 580, 0.265),
)
GPUS, SAMPLES = 8, 512 * 5
DIFFERENT = {"policy": "p", "proposer": "p", "coder": "c", "solver": "s"}  # checkpoints of a later iteration


def easyr1(model: str, card: str, lengths: int, throughput: float, seconds: float):
    """The published setting as one of ours: its Solver stage."""
    tokens = throughput * GPUS * seconds / SAMPLES
    memory = {"h100": 80, "l20": 48}[card]
    where = "hardware.stages.solver"
    return schema.load(
        [
            f"model={model}",
            "hardware=gpu8x80",
            f"hardware.gpu_memory_gb={memory}",
            f"forecast.gpu={card}",
            "solver.train.prompts_per_step=512",
            "solver.train.prompts_per_update=128",
            "solver.train.rollouts=5",
            "solver.train.max_prompt_tokens=2048",
            "solver.train.max_response_tokens=2048",
            f"{where}.tensor_parallel=2",
            f"{where}.gpu_memory_utilization=0.6",
            f"{where}.max_num_seqs=1024",
            f"{where}.tokens_per_gpu={4096 * lengths}",
            f"+{where}.param_offload=true",
            f"+{where}.optimizer_offload=true",
            "stage.save_every=5",
            f"forecast.response_tokens.solver={round(tokens - PROMPT)}",
            "forecast.prompt_tokens.solver=50",
            f"forecast.picture_tokens={PROMPT - 50}",
        ]
    )


def published() -> None:
    print(
        "EasyR1, Qwen2.5-VL on geometry3k, 2,560 samples per step. Two constants of the update are fitted to rows 1, 2."
    )
    for model, card, full, throughput, seconds, mfu in PUBLISHED:
        config = easyr1(model, card, full, throughput, seconds)
        found = predict(config, "solver", {})
        sizes = model_of(config)
        tokens = throughput * GPUS * seconds
        text = roofline.decoder_parameters(sizes)
        peak = gpu(card).tflops * 1e12
        update = 6 * text * tokens / (mfu * GPUS * peak)
        parts = ", ".join(f"{name} {value:.0f}" for name, value in found.phases.items() if value >= 0.5)
        print(
            f"{model} 8 x {card}, micro-batch {full}: published {seconds} s (update {update:.0f} s by its MFU), "
            f"computed {found.step_s:.0f} s, error {found.step_s / seconds - 1:+.0%} ({parts})"
        )


def simulated() -> None:
    """Closed form against simulation on a 7B, and simulation against the collection pipeline on simulated peers."""
    config = schema.load(["model=qwen2_5_vl_7b", "hardware=gpu8x80"])
    for name in ("collect_coder", "collect_solver"):
        described = stage(config, name, DIFFERENT)
        for rows in (300, 1000, 3000):
            work = replace(described.work, items=rows)
            exact = pipeline.simulate(work, described.groups, described.renderers, described.picture_s).seconds
            short = closed.steady(work, described.groups, described.renderers, described.picture_s).seconds
            print(
                f"{name}, {rows} rows: simulation {exact:.0f} s, closed form {short:.0f} s ({short / exact - 1:+.1%})"
            )
    server = stage(config, "solver", DIFFERENT).groups["trained"].speed
    for count in (32, 256):
        drawn = lengths.Lengths(400, 4096, 0.6).draw(count)
        clock = servers.Clock()
        one = servers.Server(clock, server)
        for length in drawn:
            one.submit(servers.Request(800, [length], lambda: None, pictures=1))
        exact, short = clock.run(), closed.batch_s(server, 800, drawn, count, 1)
        print(f"one batch of {count}: simulation {exact:.1f} s, closed form {short:.1f} s ({short / exact - 1:+.1%})")
    collect.ROWS //= SLOWER
    collect.CAPACITY = {role: (slots, latency * SLOWER) for role, (slots, latency) in collect.CAPACITY.items()}
    collect.RENDER = (collect.RENDER[0], collect.RENDER[1] * SLOWER)
    for spread, label in ((0.0, "fixed latency"), (0.8, "latency +-80%")):
        took, clients, drawn = collected(spread)
        found = simulated_peers(clients, drawn)
        busiest = max(found.busy, key=lambda name: found.busy[name])
        print(
            f"collection pipeline on simulated peers, {label}: {took:.1f} s; simulation {found.seconds:.1f} s "
            f"({found.seconds / took - 1:+.1%}), {busiest} busy {found.busy[busiest]:.1f} s of it"
        )


SLOWER = 3  # times slower peers and fewer rows than collect.py's: what a busy machine adds is a third then


def collected(spread: float):
    """(seconds, clients, pictures) of tests/bench/collect.py's streaming collection."""
    clients, render = collect.simulated(spread)
    config = collect.settings(
        solver_filter=collect.SolverFilter(proposals=collect.ROWS, min_rows=0), in_flight=32, rows_per_shard=64
    )
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        collect.run("collect_solver", Path(folder), config, clients, render)
        return time.perf_counter() - started, clients, render.drawn


def simulated_peers(clients, drawn: int):
    """The same rows in the simulation: how many proposals parse and pictures draw is what the peers wrote."""
    votes = 20
    codes, pictures = clients["coder"].samples, clients["solver"].samples / votes
    asks = (
        pipeline.Ask("proposals", "proposer", 1, 1, 0, 1, 1, each=True, reach=codes / collect.ROWS),
        pipeline.Ask("codes", "coder", 1, 1, 0, 1, 1, drawn=True, reach=pictures / codes),
        pipeline.Ask("answers", "solver", 2, votes // 2, 0, 1, 1),
    )
    groups = {
        role: pipeline.Group(roofline.Speed(latency, 0.0, 0.0, 0.0, 0.0, 0.0, slots), 1, 0)
        for role, (slots, latency) in collect.CAPACITY.items()
    }
    slots, picture_s = collect.RENDER
    return pipeline.simulate(pipeline.Work(collect.ROWS, asks, 0.0, 32), groups, slots, picture_s * drawn / codes)


def schedules() -> None:
    """What other schedules give the Proposer stage of a 7B."""
    for name, words in (("8", ["hardware=gpu8x80"]), ("16", ["hardware=multinode", "hardware.ray_address=h:1"])):
        config = schema.load(["model=qwen2_5_vl_7b", *words])
        options = [gpu_counts(config, "proposer"), *layouts.splits(config, "proposer")]
        sizes = model_of(config)
        fitting = [one for one in options if all(p.fits for p in account(sizes, layout_with(config, "proposer", one)))]
        today, rest = None, []
        for counts in fitting:
            described = stage(config, "proposer", DIFFERENT, counts)
            groups, pictures = described.groups, (described.renderers, described.picture_s)
            run = pipeline.simulate(described.work, groups, *pictures).seconds
            plain = waited(run, described.poll_s) + described.phases.total
            ahead = pipeline.overlapped(described.work, groups, *pictures, described.phases.total + described.poll_s)
            shown = "+".join(str(count) for count in counts.values())
            if today is None:
                today = plain
                gain = f"{ahead:.0f} s ({today / ahead:.2f} x)"
                print(f"{name} GPUs, today {shown}: {plain:.0f} s per step; (b) one step of overlap {gain}")
                total = sum(counts.values())
                wide = {key: pipeline.Group(group.speed, total, total) for key, group in groups.items()}
                wake = engine().wake_s + 2 * sizes.parameters / (gpu_of(config).host_gbs * 1e9 * engine().host)
                turns = pipeline.in_turn(described.work, wide, wake, *pictures)
                train = stage(config, "proposer", DIFFERENT, counts | {"train_gpus": 8}).phases.total
                print(
                    f"  (a) all GPUs in turn: {' + '.join(f'{one:.0f}' for one in turns)} + training {train:.0f} + "
                    f"{wake:.0f} = {sum(turns) + train + wake:.0f} s ({today / (sum(turns) + train + wake):.2f} x)"
                )
            rest.append((plain, ahead, shown))
        (best, _, split), (_, ahead, other) = min(rest), min(rest, key=lambda one: one[1])
        print(
            f"  (c) best split {split}: {best:.0f} s ({today / best:.2f} x); "
            f"with overlap {other}: {ahead:.0f} s ({today / ahead:.2f} x)"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["published", "simulated", "schedules"])
    {"published": published, "simulated": simulated, "schedules": schedules}[parser.parse_args().what]()


if __name__ == "__main__":
    main()
