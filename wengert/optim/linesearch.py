"""A line search for the strong Wolfe conditions: bracket a minimum, narrow the bracket down."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

ARMIJO, CURVATURE = 1e-4, 0.9  # the constants of the two Wolfe conditions


class Point(NamedTuple):
    """A step length t, with the loss f, the gradient g and the slope along the line there."""

    t: float
    f: float
    g: Any
    slope: float


def cubic_minimum(a: Point, b: Point, low: float, high: float) -> float:
    """Where in [low, high] the cubic through both points, with their slopes, is lowest."""
    if a.t > b.t:
        a, b = b, a
    if a.t == b.t:
        return (low + high) / 2.0
    d1 = a.slope + b.slope - 3 * (a.f - b.f) / (a.t - b.t)
    square = d1 * d1 - a.slope * b.slope
    if not square >= 0:  # no minimum, or nan
        return (low + high) / 2.0
    d2 = math.sqrt(square)
    above, below = b.slope + d2 - d1, b.slope - a.slope + 2 * d2
    share = above / below if below else math.inf * above
    return min(max(b.t - (b.t - a.t) * share, low), high)


def strong_wolfe(
    evaluate: Callable[[float], tuple[float, Any]],
    slope_of: Callable[[Any], float],
    t: float,
    start: Point,
    size: float,
    most: int,
    tolerance: float = 1e-9,
) -> tuple[Point, int]:
    """A point along the line that meets the strong Wolfe conditions, if most evaluations find one.

    evaluate: loss and gradient at a step length. slope_of: the slope along the line of a gradient.
    t: the first length to try. start: the point of length 0. size: the largest element of the
    direction; brackets smaller than tolerance in these terms are not divided. Returns the point
    and the number of evaluations.
    """

    def at(t: float) -> Point:
        f, g = evaluate(t)
        return Point(t, f, g, slope_of(g))

    def too_high(p: Point) -> bool:
        return p.f > start.f + ARMIJO * p.t * start.slope

    def flat(p: Point) -> bool:
        return abs(p.slope) <= -CURVATURE * start.slope

    previous, point = start, at(t)
    evaluations, tried = 1, 0
    bracket = [start, point]
    while tried < most:
        bracket = [previous, point]
        if too_high(point) or (tried > 1 and point.f >= previous.f):
            break
        if flat(point):
            return point, evaluations
        if point.slope >= 0:
            break
        t = cubic_minimum(previous, point, point.t + 0.01 * (point.t - previous.t), point.t * 10)
        previous, point = point, at(t)
        evaluations += 1
        tried += 1
    else:
        bracket = [start, point]

    low, high = (0, 1) if bracket[0].f <= bracket[1].f else (1, 0)
    stuck = False  # the last trial was close to an end of the bracket
    while tried < most:
        left, right = sorted(p.t for p in bracket)
        if (right - left) * size < tolerance:
            break
        t = cubic_minimum(bracket[0], bracket[1], left, right)
        margin = 0.1 * (right - left)
        if min(right - t, t - left) < margin:
            if stuck or t >= right or t <= left:
                t = right - margin if abs(t - right) < abs(t - left) else left + margin
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        point = at(t)
        evaluations += 1
        tried += 1
        if too_high(point) or point.f >= bracket[low].f:
            bracket[high] = point
            low, high = (0, 1) if bracket[0].f <= bracket[1].f else (1, 0)
            continue
        done = flat(point)
        if not done and point.slope * (bracket[high].t - bracket[low].t) >= 0:
            bracket[high] = bracket[low]
        bracket[low] = point
        if done:
            break
    return bracket[low], evaluations
