"""How many looks a sliding window is worth: from a rate of alarms to a rate for one look at one feature.

A window that slides is looked at again and again, and each look is another chance of an alarm. Over a stretch as long
as the window itself, chance alone raises an alarm ``looks`` times as often as at a single look:

    looks = 2 ln(1 / alpha) + degrees / 12

for a chi-squared statistic with ``degrees`` degrees of freedom and rate ``alpha`` at each look. Found by simulation
for windows of 60 slots that are looked at between once every three slots and twelve times a slot (the most, which the
formula follows; conditional on an alarm at one moment, how many other looks share it, Naiman and Priebe 2001):

| alpha | 1e-3 | 1e-5 | 1e-7 | 1e-9 |
|---|---|---|---|---|
| simulated, 1 degree | 11 | 18 | 26 | 31 |
| 11 degrees | 16 | 25 | 31 | 35 |
| 50 degrees | 18 | 26 | 40 | 41 |
| formula, 11 degrees | 15 | 24 | 33 | 42 |
"""

from __future__ import annotations

import math


def looks(alpha: float, degrees: int) -> float:
    """By how much sliding multiplies the chance of an alarm within one window's length."""
    return max(2 * math.log(1 / alpha) + degrees / 12, 1.0)


def per_look(rate: float, features: int, degrees: int) -> float:
    """The rate at each look at each feature with which ``features`` together alarm at ``rate`` in a window's length.

    Bonferroni's correction over features, not Benjamini and Hochberg's: a spec promises how often a quiet model alarms
    at all, and a critical value that does not hang on other features' scores can be exposed, drawn and computed again.
    """
    share = rate / max(features, 1)
    alpha = share
    for _ in range(50):
        new = share / looks(alpha, degrees)
        if abs(new - alpha) <= 1e-12 * alpha:
            break
        alpha = new
    return alpha
