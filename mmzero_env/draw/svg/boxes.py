"""Boxes in user units: x, y, width and height."""

Box = tuple[float, float, float, float]


def union(boxes: list[Box]) -> Box:
    """The smallest box that holds all.

    >>> union([(0.0, 5.0, 10.0, 10.0), (20.0, 0.0, 5.0, 1.0)])
    (0.0, 0.0, 25.0, 15.0)
    """
    left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
    right, bottom = max(box[0] + box[2] for box in boxes), max(box[1] + box[3] for box in boxes)
    return left, top, right - left, bottom - top
