"""The forecast's arithmetic against numbers computed by hand, and the simulation against closed forms."""

import math
from dataclasses import replace
from statistics import fmean

import pytest

from recipe.mmzero.machine import capacity
from recipe.mmzero.machine.capacity import layout_of, model_of
from recipe.mmzero.machine.forecast import closed, constants, layouts, lengths, pipeline, roofline, servers
from recipe.mmzero.machine.forecast.pipeline import Ask, Group, Work
from recipe.mmzero.machine.forecast.predict import forecast, predict, waited
from recipe.mmzero.machine.forecast.roofline import Speed
from recipe.mmzero.machine.forecast.workload import Stage, layout_with, stage
from recipe.mmzero.run import plan
from recipe.mmzero.settings import schema
from recipe.mmzero.settings.types.run import CARDS

ROUND = constants.Gpu("round", tflops=1000, memory_gb=80, memory_gbs=1000, link_gbs=100, host_gbs=50)
IDEAL = constants.Engine(
    training_compute=1.0,
    prefill_compute=1.0,
    memory=1.0,
    link=1.0,
    host=1.0,
    decode_step_s=0.0,
    allreduce_s=0.0,
    layer_pass_s=0.0,
    sync_s_per_gb=0.5,
    optimiser_s_per_1e9=2.0,
    disk_gbs=10.0,
    wake_s=0.0,
    train_startup_s=0.0,
    collect_startup_s=0.0,
    other_s=0.0,
    picture_s=0.0,
    poll_s=0.0,
)
DIFFERENT = {"proposer": "p", "coder": "c", "solver": "s", "policy": "p"}


@pytest.fixture(scope="module")
def config():
    return schema.load(["model=qwen2_5_vl_7b", "hardware=gpu8x80"])


# Qwen2.5-VL-7B by hand: attention and MLP of a layer; all layers and the head.
LAYER = 3584 * 128 * (2 * 28 + 2 * 4) + 3 * 3584 * 18944
DECODER = 28 * LAYER + 152064 * 3584
KV = 2 * 2 * 28 * 4 * 128  # bytes per token
SIZE = 8_292_166_656
VISION = 676_883_456  # SIZE - 28 x 233,046,016 - 2 x 152,064 x 3,584; its 32 layers alone are 629 M


def test_decoding_step_reads_weights_once_and_every_context(config):
    speed = roofline.server(model_of(config), layout_of(config, "solver"), ROUND, IDEAL, False, 1000, 256)
    assert (LAYER, DECODER, KV) == (233_046_016, 7_070_285_824, 57_344)
    # bytes over 1e12 bytes/s: 14.14 ms of weights; 64 x 1,000 x 57,344 = 3.67 ms of keys and values
    assert speed.step_s(64, 1000) == pytest.approx(0.014140571648 + 0.003670016)
    # compute-bound: 2 x 7.07e9 operations per sequence over 1e15/s is 14.14 us: from 1,001 sequences without context
    assert speed.step_s(2000, 0) == pytest.approx(2000 * 14.140571648e-6)
    assert speed.prefill_s(1000) == pytest.approx(2 * 28 * 233_046_016 * 1000 / 1e15)  # without the head
    patches, vision = 4 * 100, VISION
    small = replace(model_of(config), patches_per_picture=patches)
    drawn = roofline.server(small, layout_of(config, "solver"), ROUND, IDEAL, False, 1000, 256)
    assert drawn.prefill_s(0, 1) == pytest.approx(2 * vision * patches / 1e15)


def test_tensor_parallelism_divides_bytes_and_adds_reductions(config):
    layout = replace(layout_of(config, "solver"), tensor_parallel=2)
    slow = replace(IDEAL, decode_step_s=0.001, allreduce_s=1e-5)
    one = roofline.server(model_of(config), layout_of(config, "solver"), ROUND, slow, False, 1000, 256)
    two = roofline.server(model_of(config), layout, ROUND, slow, False, 1000, 256)
    assert one.fixed_s == 0.001 and two.fixed_s == pytest.approx(0.001 + 2 * 28 * 1e-5)
    assert two.weights_s == pytest.approx(one.weights_s / 2) and two.kv_s == pytest.approx(one.kv_s / 2)


def test_a_server_holds_what_its_memory_holds(config):
    sized = model_of(config)
    layout = layout_of(config, "solver")
    full = capacity.requests_at_once(sized, layout, False) * layout.context
    assert roofline.server(sized, layout, ROUND, IDEAL, False, 1000, 10**6).slots == full // 1000
    assert roofline.server(sized, layout, ROUND, IDEAL, False, 1000, 256).slots == 256


def trained(config, layout=None, gpu=ROUND, engine=IDEAL, pictures=0, saved=0.0):
    """8 GPUs, 800,000 tokens, 2 updates: 100,000 tokens per GPU, 50,000 per update in 3 micro-batches of 24,576."""
    layout = layout or layout_of(config, "solver")
    return roofline.training(model_of(config), layout, gpu, engine, 800_000, pictures, 2, saved)


def test_training_by_hand(config):
    found = trained(config, saved=0.25)
    assert found.update_actor == pytest.approx(8 * DECODER * 100_000 / 1e15)  # 5.7 s; the link needs 3.5 s for 6
    # forward only: 100,000 / 49,152 is 3 micro-batches; the reference comes from host memory
    assert found.old_log_prob == pytest.approx(2 * DECODER * 100_000 / 1e15)
    assert found.ref == pytest.approx(found.old_log_prob + 3 * 4 * SIZE / 8 / 50e9)
    assert found.update_weights == pytest.approx(2 * SIZE / 1e9 * 0.5)
    assert found.save_checkpoint == pytest.approx(0.25 * 12 * SIZE / 10e9)
    slow = replace(ROUND, link_gbs=10)  # now the gathers decide: 6 x 8 P 7/8 bytes
    assert trained(config, gpu=slow).update_actor == pytest.approx(6 * 8 * SIZE * 7 / 8 / 10e9)
    launches = replace(IDEAL, layer_pass_s=0.01)
    longer = trained(config, engine=launches, saved=0.25)
    assert longer.update_actor - found.update_actor == pytest.approx(6 * 3 * (28 + 32) * 0.01)
    assert longer.old_log_prob - found.old_log_prob == pytest.approx(3 * (28 + 32) * 0.01)


def test_pictures_pass_the_vision_tower_and_text_does_not(config):
    """800 pictures of 5,476 patches: 547,600 patches per GPU through 677 M parameters."""
    text, seen = trained(config), trained(config, pictures=800)
    assert seen.update_actor - text.update_actor == pytest.approx(8 * VISION * 547_600 / 1e15)
    assert seen.old_log_prob - text.old_log_prob == pytest.approx(2 * VISION * 547_600 / 1e15)


def test_offloading_costs_its_way_to_host_memory(config):
    plain, base = layout_of(config, "solver"), trained(config)
    moved = trained(config, replace(plain, param_offload=True, optimizer_offload=True))
    assert moved.update_actor - base.update_actor == pytest.approx((8 + 16) * SIZE / 8 / 50e9)
    for phase in ("old_log_prob", "update_weights"):  # the weights come and go; the reference is elsewhere
        assert getattr(moved, phase) - getattr(base, phase) == pytest.approx(8 * SIZE / 8 / 50e9)
    assert moved.ref == base.ref
    held = trained(config, replace(plain, cpu_offload=True))
    assert held.update_actor - base.update_actor == pytest.approx(6 * 12 * SIZE / 8 / 50e9 + 2 * 2.0 * SIZE / 1e9)
    assert held.old_log_prob - base.old_log_prob == pytest.approx(3 * 4 * SIZE / 8 / 50e9)


def test_adapters_by_hand(config):
    """Rank 16 on every linear layer: 16 x 28 x (2 (3584 + 3584) + 2 (3584 + 512) + 3 (3584 + 18944)) parameters."""
    adapter = 40_370_176
    found = trained(config, replace(layout_of(config, "solver"), rank=16), pictures=800, saved=0.25)
    assert found.update_actor == pytest.approx((6 * DECODER * 100_000 + 2 * VISION * 547_600) / 1e15)
    assert found.ref == found.old_log_prob
    assert found.update_weights == pytest.approx(2 * adapter / 1e9 * 0.5)
    assert found.save_checkpoint == pytest.approx(0.25 * 12 * adapter / 10e9)
    slow = replace(ROUND, link_gbs=10)
    assert trained(config, replace(layout_of(config, "solver"), rank=16), slow).update_actor == pytest.approx(
        6 * 4 * SIZE * 7 / 8 / 10e9
    )
    held = trained(config, replace(layout_of(config, "solver"), rank=16, cpu_offload=True))
    moved = (6 * (2 * 2 * SIZE + 4 * adapter) / 8) / 50e9 + 2 * 2.0 * adapter / 1e9
    assert held.update_actor == pytest.approx(6 * DECODER * 100_000 / 1e15 + moved)


def test_the_last_step_saves_too():
    """20 steps, every 8: after steps 8, 16 and 20."""
    words = ["model=qwen2_5_vl_7b", "hardware=gpu8x80", "stage.steps=20", "stage.save_every=8"]
    found = stage(schema.load(words), "solver", DIFFERENT).phases.save_checkpoint
    assert found == pytest.approx(3 / 20 * 12 * SIZE / 1e9 / constants.engine().disk_gbs)


def speed(fixed=1.0, kv=0.0, slots=100, prefill=0.0):
    return Speed(fixed, 0.0, kv, 0.0, prefill, 0.0, slots)


def served(one, *requests):
    """(seconds, server) of requests (prompt, lengths) that all come at once."""
    clock = servers.Clock()
    server = servers.Server(clock, one)
    for prompt, tokens in requests:
        server.submit(servers.Request(prompt, tokens, lambda: None))
    return clock.run(), server


def test_a_server_decodes_in_lockstep():
    seconds, server = served(speed(), (0, [10, 20]))
    assert seconds == pytest.approx(20) and server.busy_s == pytest.approx(20) and server.tokens == pytest.approx(30)
    assert served(speed(slots=1), (0, [10, 20]))[0] == pytest.approx(30)
    assert served(speed(prefill=0.5), (4, [10]), (6, [10]))[0] == pytest.approx(10 + 5)  # prefill holds decoding up


def test_a_sequence_that_comes_later_shares_the_steps():
    clock, ended = servers.Clock(), []
    server = servers.Server(clock, Speed(0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 10))  # a step takes as long as sequences
    server.submit(servers.Request(0, [10], lambda: ended.append(clock.now)))
    clock.at(4.0, lambda: server.submit(servers.Request(0, [3], lambda: ended.append(clock.now))))
    clock.run()
    # 4 alone, then both until the second has 3 tokens (6 s), then 3 alone
    assert ended == pytest.approx([10.0, 13.0])


@pytest.mark.parametrize("prompt", [0, 500, 3000])
def test_batch_on_one_server_equals_the_closed_form(prompt):
    drawn = lengths.Lengths(400, 2000, 0.6).draw(64)
    one = Speed(0.01, 0.004, 2e-8, 1e-9, 1e-5, 0.0, 64)
    clock = servers.Clock()
    server = servers.Server(clock, one)
    for number, length in enumerate(drawn):
        server.submit(servers.Request(prompt, [length], lambda: None, prefill=number % 4 == 0))
    expected = closed.batch_s(one, prompt, drawn, 16)
    assert clock.run() == pytest.approx(expected, rel=0.1)


def test_lengths_have_their_mean_and_their_cut():
    drawn = lengths.Lengths(400, 10**6, 0.6).draw(5000)
    assert fmean(drawn) == pytest.approx(400, rel=0.02)
    assert math.sqrt(fmean((one - 400) ** 2 for one in drawn)) == pytest.approx(240, rel=0.1)
    cut = lengths.Lengths(400, 500, 0.6).draw(5000)
    assert max(cut) == 500 and fmean(cut) == pytest.approx(lengths.cut_mean(400, 500, 0.6), rel=0.02)
    assert fmean(one**2 for one in cut) == pytest.approx(lengths.cut_square(400, 500, 0.6), rel=0.02)
    assert lengths.cut_square(400, 10**9, 0.6) == pytest.approx(400**2 * 1.36)  # mean^2 (1 + spread^2)
    assert lengths.Lengths(7, 100, 0.0).draw(3) == [7, 7, 7] and lengths.cut_mean(7, 100, 0.0) == 7


def test_context_of_a_token_by_hand():
    """A token of a long response is read with more before it: 100 + 50 x 1.36 / 2 tokens, not 100 + 50 / 2."""
    work = Work(1, (Ask("p", "a", 1, 1, 100, 50, 10**9),), 0.6)
    group = Group(Speed(0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 10), 1, 1)
    assert closed._step_s(work, "a", group, 7) == pytest.approx(7 * 134)


def test_every_server_computes_the_prompt_once():
    """Four roll-outs of one prompt on two servers: 2 s of prefill and 10 s of decoding on both."""
    asks = (Ask("p", "a", 1, 4, 4, 10, 10, each=True),)
    found = pipeline.simulate(Work(1, asks, 0.0), {"a": Group(speed(prefill=0.5), 2, 2)}, 1, 0.0)
    assert found.seconds == pytest.approx(12) and found.busy["a"] == pytest.approx(12)


def test_an_item_waits_for_what_is_asked_beside_it():
    """A proposal takes 10 s, its code 5, and two texts about it 30 s on a server of their own with one slot."""
    texts = Ask("t", "c", 2, 1, 0, 30, 30)
    asks = (Ask("p", "a", 1, 1, 0, 10, 10, each=True, beside=texts), Ask("c", "b", 1, 1, 0, 5, 5))
    groups = {"a": Group(speed(), 1, 1), "b": Group(speed(), 1, 1), "c": Group(speed(slots=1), 1, 1)}
    work = Work(2, asks, 0.0, in_flight=1)
    found = pipeline.simulate(work, groups, 1, 0.0)
    assert found.ready == pytest.approx((70, 140)) and found.busy["c"] == pytest.approx(120)
    assert [(ask.kind, count) for ask, count in work.asked()] == [("p", 1), ("t", 2), ("c", 1)]
    half = replace(asks[0], reach=0.5)  # nothing is drawn for every second one; its texts are asked all the same
    assert pipeline.simulate(replace(work, asks=(half, asks[1])), groups, 1, 0.0).ready == pytest.approx((70, 140))


def test_renderer_can_be_the_slowest():
    asks = (Ask("codes", "a", 1, 1, 0, 10, 10, drawn=True),)
    found = pipeline.simulate(Work(100, asks, 0.0), {"a": Group(speed(0.001), 1, 1)}, 2, 1.0)
    assert found.seconds == pytest.approx(50 + 0.01) and found.busy["render"] == pytest.approx(50)


def test_rewards_stream_behind_roll_outs():
    """Two proposals of 10 and 20 tokens; each is drawn in 5 tokens as soon as it is there: 25 s, not 10 + 20 + ..."""
    asks = (Ask("p", "a", 1, 2, 0, 15, 100, each=True), Ask("c", "b", 1, 1, 0, 5, 5))
    work = Work(1, asks, 0.0)
    found = pipeline.simulate(work, {"a": Group(speed(), 1, 1), "b": Group(speed(), 1, 1)}, 1, 0.0)
    assert found.seconds == pytest.approx(20) and found.busy == {"a": 15.0, "b": 5.0, "render": 0.0}
    assert work.samples(0) == 2 and work.samples(1) == 2


def test_one_step_of_overlap_by_hand():
    """10 s of roll-outs, 30 s of judging, 5 s of training: T1 ends at 45, T2 at 55, and every 45 s two more."""
    asks = (Ask("p", "a", 1, 1, 0, 10, 10, each=True), Ask("c", "b", 1, 1, 0, 30, 30))
    groups = {"a": Group(speed(), 1, 1), "b": Group(speed(), 1, 1)}
    assert pipeline.overlapped(Work(1, asks, 0.0), groups, 1, 0.0, training_s=5.0) == pytest.approx(22.5)
    # A training that takes longer than the judging leaves the trainer no pause: 10 + 50 s per step.
    assert pipeline.overlapped(Work(1, asks, 0.0), groups, 1, 0.0, training_s=50.0) == pytest.approx(60.0)


def test_requests_in_turn_add_up():
    """4 proposals of 10 tokens on 2 servers with one slot each: 20 s; 8 codes of 5 tokens: 20 s, and the wake-up."""
    asks = (Ask("p", "a", 1, 4, 0, 10, 10, each=True, drawn=True), Ask("c", "b", 1, 2, 0, 5, 5))
    groups = {"a": Group(speed(slots=1), 2, 2), "b": Group(speed(slots=1), 2, 2)}
    assert pipeline.in_turn(Work(1, asks, 0.0), groups, 3.0, 2, 0.5) == pytest.approx([20 + 4 * 0.5 / 2, 20 + 3])


def test_a_share_of_the_samples_goes_on():
    asks = (Ask("p", "a", 1, 1, 0, 1, 1, each=True, reach=0.5), Ask("c", "b", 1, 1, 0, 10, 10))
    groups = {"a": Group(speed(), 1, 1), "b": Group(speed(slots=1), 1, 1)}
    found = pipeline.simulate(Work(10, asks, 0.0), groups, 1, 0.0)
    assert found.seconds == pytest.approx(1 + 5 * 10) and len(found.ready) == 10


def collection(name, config, rows=3000):
    described = stage(config, name, DIFFERENT)
    return replace(described.work, items=rows), described


@pytest.mark.parametrize("name", ["collect_coder", "collect_solver"])
@pytest.mark.parametrize(("rows", "in_flight"), [(3000, 64), (3000, None), (1000, None), (300, None)])
def test_steady_state_agrees_with_the_simulation(name, rows, in_flight, config):
    work, described = collection(name, config, rows)
    work = replace(work, in_flight=in_flight or work.in_flight)
    exact = pipeline.simulate(work, described.groups, described.renderers, described.picture_s)
    assert closed.steady(work, described.groups, described.renderers, described.picture_s).seconds == pytest.approx(
        exact.seconds, rel=0.1
    )


def test_nothing_is_asked_about_what_is_not_valid_or_does_not_draw():
    """24 prompts of 8 roll-outs, half of them valid, 4 codes each, a quarter drawn, 2 x 5 answers."""
    words = ["model=qwen2_5_vl_7b", "hardware=gpu8x80", "proposer.train.prompts_per_step=24"]
    words += ["proposer.train.prompts_per_update=24", "proposer.train.rollouts=8", "coder.samples=4", "solver.votes=5"]
    some, all_ = (
        stage(schema.load([*words, f"forecast.valid={valid}", f"forecast.drawn={drawn}"]), "proposer", DIFFERENT)
        for valid, drawn in ((0.5, 0.25), (1.0, 1.0))
    )
    assert [count for _, count in all_.work.asked()] == [8, 8 * 4, 8 * 4 * 10]
    assert [count for _, count in some.work.asked()] == [8, 4 * 4, 4 * 10]
    assert pipeline_seconds(some) < pipeline_seconds(all_)


def pipeline_seconds(described):
    return pipeline.simulate(described.work, described.groups, described.renderers, described.picture_s).seconds


def test_pictures_of_a_rollout_are_prepared_before_a_server_sees_them():
    config = schema.load(["model=tiny", "hardware=cpu"])
    described = stage(config, "solver", DIFFERENT)
    rollouts = int(config.solver.train.prompts_per_step) * int(config.solver.train.rollouts)
    assert described.prepare_s == pytest.approx(rollouts * constants.cpu().prepare_picture_s)
    waits = forecast(described, {}).phases["gen"] - forecast(replace(described, prepare_s=0.0), {}).phases["gen"]
    assert waits == pytest.approx(described.prepare_s, abs=described.poll_s)
    assert stage(config, "coder", DIFFERENT).prepare_s == 0


def test_the_pass_by_variance_runs_where_the_window_does_not_fill_the_target():
    words = [
        "model=qwen2_5_vl_7b",
        "hardware=gpu8x80",
        "coder.filter.target_rows=1200",
        "coder.filter.attempt_budget=13200",
    ]
    enough, few = (
        stage(schema.load([*words, f"forecast.coder_acceptance={share}"]), "collect_coder", DIFFERENT)
        for share in (0.25, 0.04)
    )
    assert (enough.work.items, enough.later) == (4800, {})
    assert (few.work.items, few.later["variance"].items) == (13_200, 12_672)  # 96% of the budget
    assert few.later["variance"].samples(0) == 4 * 2 * 5  # every picture, two questions, five votes
    window = schema.load([*words, "forecast.coder_acceptance=0.04", "coder.filter.mode=window"])
    assert not stage(window, "collect_coder", DIFFERENT).later
    every = schema.load([*words, "coder.filter.mode=variance"])
    found = stage(every, "collect_coder", DIFFERENT)
    assert found.work.items == found.later["variance"].items == 1200
    assert predict(every, "collect_coder", DIFFERENT).phases.keys() == {"rows", "variance"}


CAPTIONED = ["model=qwen2_5_vl_7b", "hardware=gpu8x80", "verify.caption=true", "coder.filter.target_rows=1200"]


def test_answers_from_captions_are_the_plans():
    config = schema.load([*CAPTIONED, "solver.label_mode=caption"])
    for name, counted in (
        ("proposer", plan.training_work(config, "proposer").texts),
        ("collect_solver", plan.collection_work(config, "collect_solver").texts),
    ):
        work = stage(config, name, DIFFERENT).work
        (texts,) = [(ask, count) for ask, count in work.asked() if ask.kind == "texts"]
        assert work.items * texts[1] == counted
        assert texts[0].longest == 512 and texts[0].pictures == 0 and texts[0].group == "solver"
    assert not [ask for ask, _ in stage(config, "coder", DIFFERENT).work.asked() if ask.kind == "texts"]
    plain = schema.load(["model=qwen2_5_vl_7b", "hardware=gpu8x80"])
    assert predict(config, "proposer", DIFFERENT).step_s > predict(plain, "proposer", DIFFERENT).step_s - 1e-6


def test_captions_of_the_coders_collection():
    """Asked about accepted rows, and about all candidates of the pass by variance before it."""
    for share, mode, rows in (
        (0.25, "window_then_variance", 1200),
        (0.04, "window_then_variance", 13_200),
        (0.04, "window", 528),
        (0.04, "variance", 1200),
    ):
        words = [f"forecast.coder_acceptance={share}", f"coder.filter.mode={mode}"]
        found = stage(
            schema.load([*CAPTIONED, "coder.filter.attempt_budget=13200", *words]), "collect_coder", DIFFERENT
        )
        assert found.later["captions"].items == rows and found.later["captions"].samples(0) == 2 * 5
    assert predict(schema.load(CAPTIONED), "collect_coder", DIFFERENT).phases["captions"] > 0


def test_programs_are_drawn_twice_and_looked_at_once():
    words = ["solver.label_mode=program", "coder.languages=[python]"]
    work = stage(schema.load(["model=qwen2_5_vl_7b", "hardware=gpu8x80", *words]), "collect_solver", DIFFERENT).work
    assert [(ask.kind, count) for ask, count in work.asked()] == [("proposals", 1), ("codes", 2), ("answers", 20)]


def test_servers_on_one_gpu_are_one_that_holds_what_they_hold():
    """Three servers of 256 sequences at most; with adapters of one base the trained role's server is the only one."""
    three = stage(schema.load(["model=qwen2_5_vl_3b", "hardware=gpu1x80"]), "proposer", DIFFERENT).groups["shared"]
    alone = stage(schema.load(["model=qwen2_5_vl_3b", "hardware=gpu1x80_lora"]), "proposer", DIFFERENT).groups
    assert set(alone) == {"shared"} and alone["shared"].speed.slots == 256 and alone["shared"].gpus == 1
    assert 256 < three.speed.slots <= 768


def test_the_simulation_has_no_chance_in_it(config):
    work, described = collection("collect_solver", config, rows=200)
    runs = [pipeline.simulate(work, described.groups, 4, 0.1) for _ in range(2)]
    assert runs[0] == runs[1] and len(runs[0].ready) == 200


def test_verl_looks_every_two_seconds():
    assert [waited(seconds, 2.0) for seconds in (0.1, 2.0, 2.1)] == [2.0, 2.0, 4.0] and waited(0.3, 0.0) == 0.3


def test_peers_of_one_checkpoint_share_their_gpus(config):
    base = dict.fromkeys(("policy", "coder", "solver"), "base")
    first, later = (stage(config, "proposer", inputs).groups for inputs in (base, DIFFERENT))
    assert {name: group.gpus for name, group in first.items()} == {"trained": 3, "coder+solver": 5}
    assert {name: group.gpus for name, group in later.items()} == {"trained": 3, "coder": 2, "solver": 3}


@pytest.mark.parametrize("name", ["proposer", "collect_coder", "coder", "collect_solver", "solver"])
def test_shares_and_hours_of_a_stage(name, config):
    found = predict(config, name, DIFFERENT)
    assert all(0 <= share <= 1 for share in found.idle.values()) and min(found.idle.values()) < 1
    assert found.gpu_hours == pytest.approx(8 * found.seconds / 3600)
    assert found.seconds == pytest.approx(found.startup_s + max(1, found.steps) * sum(found.phases.values()))
    assert found.plain()["phases_s"].keys() == found.phases.keys()


def test_who_waits_by_hand():
    """10 s of roll-outs, 5 s of a peer behind them, 5 s of training: the trainer works 15 s of 20, the peer 5."""
    asks = (Ask("p", "trained", 1, 1, 0, 10, 10, each=True), Ask("c", "peer", 1, 1, 0, 5, 5))
    groups = {"trained": Group(speed(), 3, 3), "peer": Group(speed(), 1, 1)}
    phases = roofline.Phases(update_actor=4.0, other=1.0)
    described = Stage("proposer", 2, Work(3, asks, 0.0), groups, phases, 60.0, 1, 0.0, 0.0, gpus=4)
    found = forecast(described, {})
    assert found.idle == pytest.approx({"trained": 5 / 20, "peer": 15 / 20})
    assert (found.step_s, found.seconds, found.gpu_hours) == pytest.approx((20.0, 100.0, 4 * 100 / 3600))
    assert found.dominates == "startup 60%"


def test_overlap_is_what_remains_of_a_step_beside_training():
    """By hand above: 22.5 s a step of 10 s of roll-outs, 30 s of judging and 5 s of training."""
    asks = (Ask("p", "trained", 1, 1, 0, 10, 10, each=True), Ask("c", "peer", 1, 1, 0, 30, 30))
    groups = {"trained": Group(speed(), 1, 1), "peer": Group(speed(), 1, 1)}
    phases = roofline.Phases(update_actor=5.0)
    described = Stage("proposer", 2, Work(1, asks, 0.0), groups, phases, 60.0, 1, 0.0, 0.0, gpus=2, overlap=1)
    found = forecast(described, {})
    assert found.step_s == pytest.approx(22.5) and found.phases["gen"] == pytest.approx(17.5)
    assert found.idle == pytest.approx({"trained": 1 - 15 / 22.5, "peer": 0.0})


def test_verl_looks_more_often_on_a_cpu():
    assert stage(schema.load([]), "solver", DIFFERENT).poll_s == 0.2


def test_factors_of_a_run_scale_their_phase(config):
    plain = predict(config, "solver", DIFFERENT)
    slower = predict(config, "solver", DIFFERENT, {"update_actor": 2.0, "gen": 1.5, "startup": 0.5})
    assert slower.phases["update_actor"] == pytest.approx(2 * plain.phases["update_actor"])
    assert slower.phases["gen"] == pytest.approx(1.5 * plain.phases["gen"])
    assert slower.startup_s == pytest.approx(plain.startup_s / 2) and slower.phases["ref"] == plain.phases["ref"]


def test_other_layouts_use_all_gpus_and_fit(config):
    counts = list(layouts.splits(config, "proposer"))
    assert {"train_gpus": 4, "coder_gpus": 2, "solver_gpus": 2} in counts
    assert {"train_gpus": 3, "coder_gpus": 2, "solver_gpus": 3} not in counts  # today's
    assert all(sum(one.values()) == 8 and min(one.values()) > 0 for one in counts)
    assert {one["train_gpus"] for one in counts} == {1, 2, 3, 4, 6}  # divisors of 72 samples
    found = layouts.better(config, "collect_coder", DIFFERENT)
    today = predict(config, "collect_coder", DIFFERENT)
    assert found.gain == pytest.approx(today.seconds / found.forecast.seconds) and found.gain > 1.02
    assert layouts.better(config, "solver", DIFFERENT) is None  # nothing to split


def test_a_layout_that_does_not_fit_is_not_proposed(config, monkeypatch):
    """If fewer training GPUs were always faster: one cannot hold a 7B's training state, so it is not the answer."""
    real = predict(config, "proposer", DIFFERENT)

    def fewer(_config, _name, _inputs, _factors, counts=None):
        return replace(real, startup_s=0.0, phases={"gen": float(counts["train_gpus"] if counts else 9)})

    monkeypatch.setattr(layouts, "predict", fewer)
    found = layouts.better(config, "proposer", DIFFERENT, {})
    sizes = model_of(config)
    fits = {
        one["train_gpus"]: all(part.fits for part in capacity.account(sizes, layout_with(config, "proposer", one)))
        for one in layouts.splits(config, "proposer")
    }
    assert not fits[1] and found.counts["train_gpus"] == min(count for count, fit in fits.items() if fit)


def test_one_gpu_for_all_takes_the_sum_of_the_work():
    shared = schema.load(["model=qwen2_5_vl_3b", "hardware=gpu1x80"])
    found = predict(shared, "proposer", DIFFERENT)
    eight = predict(schema.load(["model=qwen2_5_vl_3b", "hardware=gpu8x80"]), "proposer", DIFFERENT)
    assert set(found.idle) == {"shared"} and found.gpus == 1 and found.step_s > 1.5 * eight.step_s


def test_cards_are_those_of_the_constants():
    assert set(CARDS) == set(constants.listed()["gpus"])
    assert set(constants.listed()["of_memory"].values()) <= set(CARDS)
    for profile, name in (("gpu8x40", "a100_40"), ("gpu8x80", "h100")):
        assert constants.gpu_of(schema.load(["model=qwen2_5_vl_7b", f"hardware={profile}"])).name == name
    assert (
        constants.gpu_of(schema.load(["model=qwen2_5_vl_7b", "hardware=gpu8x80", "forecast.gpu=a100_80"])).tflops == 312
    )
    assert constants.gpu_of(schema.load([])) is None
