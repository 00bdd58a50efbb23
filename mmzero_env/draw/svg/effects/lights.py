"""feDiffuseLighting and feSpecularLighting: the alpha of a picture as heights, seen in the light of one source.

https://www.w3.org/TR/filter-effects-1/#feDiffuseLightingElement. Lengths in pixels.
"""

from dataclasses import dataclass

import numpy as np

from mmzero_env.draw.svg.effects.primitives import ALPHA, Pixels, valid

SHARPEST = 128.0


@dataclass(frozen=True)
class Light:
    """`towards`: a unit vector to a light that is far away; else `place`, where it is, and for a spot `aim`, the unit
    vector along its beam, with `focus` and the cosine of its cone."""

    towards: tuple[float, float, float] | None = None
    place: tuple[float, float, float] = (0.0, 0.0, 0.0)
    aim: tuple[float, float, float] | None = None
    focus: float = 1.0
    cone: float | None = None


def diffuse(pixels: Pixels, light: Light, colour: tuple[float, float, float], height: float, factor: float) -> Pixels:
    """An opaque picture; `height`: pixels that an alpha of 1 stands for, `factor`: kd."""
    normal, towards, shine = _scene(pixels, light, height)
    amount = factor * np.clip((normal * towards).sum(-1), 0, None) * shine
    done = _coloured(amount, colour)
    done[..., ALPHA] = 255
    return valid(done)


def specular(
    pixels: Pixels,
    light: Light,
    colour: tuple[float, float, float],
    height: float,
    factor: float,
    exponent: float,
) -> Pixels:
    """Highlights, transparent elsewhere; `factor`: ks. The eye is far above the picture."""
    normal, towards, shine = _scene(pixels, light, height)
    half = towards + np.array([0, 0, 1], np.float32)
    half /= np.maximum(np.linalg.norm(half, axis=-1, keepdims=True), 1e-6)
    sharp = np.clip(exponent, 1.0, SHARPEST)
    amount = factor * np.clip((normal * half).sum(-1), 0, None) ** sharp * shine
    done = _coloured(amount, colour)
    done[..., ALPHA] = done[..., :ALPHA].max(-1)
    return valid(done)


def _coloured(amount: np.ndarray, colour: tuple[float, float, float]) -> np.ndarray:
    """Light of a colour, from 0 to 255; its alpha is not set."""
    done = np.empty((*amount.shape, 4), np.float32)
    for channel, level in enumerate(reversed(colour)):
        done[..., channel] = 255 * np.clip(amount * level, 0, 1)
    return done


def _scene(pixels: Pixels, light: Light, height: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit normals of the surface, unit vectors to the light, and how much of it comes (of a spot)."""
    levels = np.pad(pixels[..., ALPHA].astype(np.float32) / 255, 1, mode="edge")
    across = levels[:, 2:] - levels[:, :-2]
    down = levels[2:] - levels[:-2]
    normal = np.ones((*pixels.shape[:2], 3), np.float32)
    normal[..., 0] = -height / 4 * (across[:-2] + 2 * across[1:-1] + across[2:])
    normal[..., 1] = -height / 4 * (down[:, :-2] + 2 * down[:, 1:-1] + down[:, 2:])
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    if light.towards is not None:
        return normal, np.array(light.towards, np.float32), np.ones((1, 1), np.float32)
    rows, columns = np.indices(pixels.shape[:2], np.float32)
    points = np.stack((columns, rows, height * levels[1:-1, 1:-1]), -1)
    towards = np.array(light.place, np.float32) - points
    towards /= np.maximum(np.linalg.norm(towards, axis=-1, keepdims=True), 1e-6)
    if light.aim is None:
        return normal, towards, np.ones((1, 1), np.float32)
    along = -(towards * np.array(light.aim, np.float32)).sum(-1)
    shine = np.clip(along, 0, 1) ** light.focus
    if light.cone is not None:
        shine = np.where(along < light.cone, 0, shine)
    return normal, towards, shine
