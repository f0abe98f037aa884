"""What a customer does by itself in a week, bursts and all."""

from __future__ import annotations

from generator.customer import Customer
from generator.noise import WHOLE, TrafficNoise
from traffic.model import Floats


def noise_of(noise: TrafficNoise, customer: Customer, week: int) -> Floats:
    """How many times its level each minute is, shape (minutes,)."""
    values = next(noise.steady([customer], week))
    noise.raise_by_bursts(values, customer, week, WHOLE)
    return values
