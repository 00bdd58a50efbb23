"""Answers written into pictures, blind answers, repeated and blank pictures, labels against the Proposer."""

import math

import pytest
from PIL import Image, ImageDraw

from mmzero_rewards.parsing.responses import Proposal
from mmzero_rewards.scoring.checks import blind_rate, leak, near_duplicates, picture_hash


def proposal(hard="37", easy="Ostia", caption="Bars of four ports"):
    return Proposal("data_chart", caption, "Which port?", easy, "How much?", hard)


@pytest.mark.parametrize(
    "drawn, hard, found, penalised",
    [
        (["37"], "37", True, True),
        (["total 37 t"], "37", True, True),
        (["37.0"], "37", True, True),  # after normalisation
        (["1,370"], "1370", True, True),
        (["370", "0.37", "x37", "3.7"], "37", False, False),  # whole tokens only
        (["3", "7"], "37", False, False),
        (["Light  BLUE line"], "light blue", True, True),
        (["the light-blue line"], "light blue", True, True),
        (["light", "blue"], "light blue", False, False),  # two texts
        (["blueish"], "blue", False, False),
        (["A", "B"], "A", True, False),  # single characters are counted only
        (["7"], "7", True, False),
        (["0", "10", "20", "30"], "20", True, False),  # an axis tick
        (["0", "x", "10", "20", "y"], "20", True, False),  # words between ticks do not matter
        (["0 10 20 30"], "20", True, False),  # ticks in one text
        (["Week 10", "Week 11", "Week 12"], "11", True, False),  # the same words around each number
        (["Week 10", "Mean 11", "Week 12"], "11", True, True),
        (["0%", "50%", "100%"], "50%", True, False),
        (["0", "10", "20", "35", "50", "65"], "50", True, False),  # a second axis behind the first
        (["0", "10"], "10", True, True),  # two numbers are no run
        (["0", "10", "25", "37"], "37", True, True),  # not evenly spaced
        (["37", "37", "37"], "37", True, True),  # a repeated number is no run
        (["10", "20", "20"], "20", True, True),
        (["30", "20", "10"], "20", True, False),  # downwards
        (["0", "10", "20", "30", "sum 20"], "20", True, True),  # a tick, and written once more
        (["0", "10", "20", "30", "20"], "20", True, True),
        (["twelve ports"], "12", True, True),  # number words are numbers
        (["25%"], "25", True, True),
        (["-15 degrees"], "-15", True, True),
        (["ratio 2:1"], "2:1", True, True),
        (["12.5"], "25/2", True, True),
        ([], "37", False, False),
        (["π"], "pi", True, True),
        (["total 1\u202f370 t"], "1370", True, True),  # a number is read whole: thousands, fraction, power, scale
        (["1 370"], "370", False, False),
        (["1½ cups"], "1.5", True, True),
        (["10³"], "10", False, False),
        (["10³"], "1000", True, True),
        ([".75"], "75", False, False),
        (["37k"], "37", False, False),
        (["Total: 37k"], "37000", True, True),
        (["$3.7 million"], "3.7", False, False),
        (["twenty-five ports"], "25", True, True),
        (["twenty-five ports"], "20", False, False),
        (["37th"], "37", False, False),
        (["37²"], "37", False, False),
        (["the 1990s"], "1990", False, False),
        (["2024-05-12"], "12", False, False),
        (["1,2,37"], "37", True, True),
        (["P(3,40)"], "(3, 40)", True, True),
        (["port of Sao Paulo"], "São Paulo", True, True),  # words in the grader's spelling on both sides
        (["Apple trees"], "apples", True, True),
        (["GREY line"], "gray", True, True),
        (["Lord of the Rings"], "the Lord of the Rings", True, True),
        (["Ostia's harbour"], "Ostia", True, True),
        (["17:00"], "5 PM", True, True),  # the text as a whole is the answer
        (["May 5, 2024"], "5 May 2024", True, True),
        (["No. of ports", "No. 5"], "no", False, False),
        (["08:00", "09:00", "10:00"], "9:00", True, False),  # ticks of a time axis
        (["8 AM", "9 AM", "10 AM"], "9 AM", True, False),
        (["0k", "10k", "20k"], "10000", True, False),
        (["1990s", "2000s", "2010s"], "2000s", True, False),
    ],
)
def test_hard_answer_in_the_picture(drawn, hard, found, penalised):
    result = leak(drawn, proposal(hard=hard, easy="zzz"))
    assert (result.found, result.penalised) == (found, penalised)


@pytest.mark.parametrize(
    "caption, found",
    [("Bars of four ports", True), ("Bars of Ostia and three other ports", False), ("Bars of Ostiaville", True)],
)
def test_easy_answer_only_counts_when_it_is_not_a_label(caption, found):
    result = leak(["Ostia"], proposal(hard="99", caption=caption))
    assert (result.easy, result.hard, result.penalised) == (found, False, found)


@pytest.mark.parametrize(
    "blind, picture, rate",
    [
        (["5", "5.0", "6", None], ["5", "5", "7"], 0.5),
        (["N/A"] * 4, ["5"], 0.0),
        ([], ["5"], math.nan),
        (["5"], [None], math.nan),  # no majority to compare with
    ],
)
def test_blind_rate(blind, picture, rate):
    assert blind_rate(blind, picture) == pytest.approx(rate, nan_ok=True)


def bars(heights, size=(160, 120), colour="navy"):
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    step = size[0] / len(heights)
    for i, height in enumerate(heights):
        draw.rectangle((i * step + 2, size[1] * (1 - height), (i + 1) * step - 4, size[1]), fill=colour)
    return image


def test_near_duplicates_survive_scaling_and_recolouring():
    pictures = [bars([0.2, 0.9, 0.5, 0.7]), bars([0.2, 0.9, 0.5, 0.7], (320, 240), "black"), bars([0.9, 0.1, 0.3, 0.8])]
    assert near_duplicates([picture_hash(p) for p in pictures]) == [True, True, False]
    assert near_duplicates([]) == [] and near_duplicates([picture_hash(pictures[0])]) == [False]
