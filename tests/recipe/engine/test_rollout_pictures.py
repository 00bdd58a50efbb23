"""A picture's preparation is remembered: the same features, computed once, within a bound."""

import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import BatchFeature
from transformers.models.qwen2_vl.image_processing_qwen2_vl import Qwen2VLImageProcessor

from recipe.mmzero.engine.rollout.pictures import PreparedOnce, prepare_once


def picture(seed, side=56):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (side, side, 3), dtype=np.uint8))


class Counted:
    def __init__(self, wait_s=0.0):
        self.calls, self.wait_s = 0, wait_s

    def __call__(self, images, *args, **kwargs):
        self.calls += 1
        time.sleep(self.wait_s)
        return BatchFeature({"pixel_values": torch.zeros(256), "call": self.calls})


@pytest.fixture
def processor():
    return SimpleNamespace(image_processor=Qwen2VLImageProcessor())


def test_features_are_those_of_the_processor(processor):
    plain = Qwen2VLImageProcessor()(images=[picture(0)], return_tensors="pt")
    prepare_once(processor)
    for _ in range(2):
        features = processor.image_processor(images=[picture(0)], return_tensors="pt")
        assert sorted(features) == sorted(plain)
        assert all(torch.equal(features[name], plain[name]) for name in plain)


def test_the_second_call_wraps_nothing(processor):
    prepare_once(processor)
    first = processor.image_processor.preprocess
    prepare_once(processor)
    assert processor.image_processor.preprocess is first


def test_equal_pictures_are_prepared_once_and_others_again():
    counted = Counted()
    prepared = PreparedOnce(counted)
    for seed, side, words in ((0, 56, {}), (0, 56, {}), (1, 56, {}), (0, 28, {}), (0, 56, {"size": 3})):
        prepared([picture(seed, side)], **words)
    assert counted.calls == 4
    assert prepared([picture(0), picture(1)])["call"] == 5, "two pictures are not one"


def test_what_a_caller_takes_out_stays_for_the_next():
    prepared = PreparedOnce(Counted())
    prepared([picture(0)]).pop("pixel_values")
    assert "pixel_values" in prepared([picture(0)])


def test_roll_outs_that_ask_at_the_same_time_wait_for_one():
    counted = Counted(wait_s=0.05)
    prepared = PreparedOnce(counted)
    threads = [threading.Thread(target=prepared, args=([picture(0)],)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counted.calls == 1


def test_the_oldest_is_forgotten_beyond_the_bound():
    counted = Counted()
    prepared = PreparedOnce(counted, most_bytes=2 * 1024)
    for seed in (0, 1, 0, 2, 0):
        prepared([picture(seed)])
    assert counted.calls == 3, "the first was asked for again and again"
    prepared([picture(1)])
    assert counted.calls == 4


def test_a_failure_is_not_remembered():
    def fails(images):
        raise OSError("truncated")

    prepared = PreparedOnce(fails)
    for _ in range(2):
        with pytest.raises(OSError):
            prepared([picture(0)])


def test_other_inputs_go_through():
    counted = Counted()
    prepared = PreparedOnce(counted)
    for _ in range(2):
        prepared([np.zeros((56, 56, 3))])
    assert counted.calls == 2
