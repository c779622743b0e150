"""How many films it takes to know a figure well enough, in closed form.

For a proportion (sensitivity among the films with pneumonia, specificity among the normal ones) by
Wilson's interval; for the area under the ROC curve by Hanley and McNeil's standard error. Every
film is taken to be of another patient.
"""

import math
from statistics import NormalDist

from pneumo_core.errors import DataError
from pneumo_core.proportions import LEVEL, z_score

POWER = 0.8
"""Chance of reaching a decision with the number of films that is stated."""


def for_width(share: float, half_width: float, level: float = LEVEL) -> int:
    """Trials for which Wilson's interval around a share is at most 2 * half_width wide.

    The width z / (n + z^2) * sqrt(n p (1 - p) + z^2 / 4) = w solved for n, a quadratic.
    Source: Piegorsch, Comput Stat Data Anal 46 (2004) 309-316; the use for sensitivity and
    specificity, Buderer, Acad Emerg Med 3 (1996) 895-900, with Wald's interval in its place.

    Args:
        share: the share p that is expected, in [0, 1].
        half_width: w, above 0 and below 0.5.
        level: confidence level.

    Raises:
        DataError: a share or a width outside its range.
    """
    _check_share(share)
    if not 0 < half_width < 0.5:
        raise DataError(f"Half a width lies between 0 and 0.5, not at {half_width}.")
    z2, w2, spread = z_score(level) ** 2, half_width**2, share * (1 - share)
    middle = z2 * (2 * w2 - spread)
    last = z2**2 * (w2 - 0.25)
    return _whole((-middle + math.sqrt(middle**2 - 4 * w2 * last)) / (2 * w2))


def to_decide(share: float, floor: float, power: float = POWER, level: float = LEVEL) -> int | None:
    """Trials after which Wilson's interval lies on one side of a floor.

    Wilson's lower limit reaches the floor t when p >= t + z sqrt(t (1 - t) / n) (and likewise from
    below), so n = ((z sqrt(t (1 - t)) + z_power sqrt(p (1 - p))) / (p - t))^2, the sample size of
    the one-sample score test. Source: Fleiss, Levin and Paik, Statistical Methods for Rates and
    Proportions (3rd ed., 2003), chapter 2.

    Args:
        share: the true share p, in [0, 1].
        floor: t, above 0 and below 1.
        power: chance that so many trials decide; 0.5 is the number at which the share as it is
            observed would just do.
        level: confidence level.

    Returns:
        The number; None where the share lies on the floor, which no number decides.

    Raises:
        DataError: a share, a floor or a power outside its range.
    """
    _check_share(share)
    if not 0 < floor < 1:
        raise DataError(f"A floor lies between 0 and 1, not at {floor}.")
    if math.isclose(share, floor, abs_tol=1e-12):
        return None
    sides = z_score(level) * math.sqrt(floor * (1 - floor))
    sides += _z_power(power) * math.sqrt(share * (1 - share))
    return _whole((sides / (share - floor)) ** 2)


def auc_for_width(
    area: float, half_width: float, normals_each: float, level: float = LEVEL
) -> tuple[int, int] | None:
    """Films with pneumonia, and normal ones, for an interval of the area of a half width.

    Source of the variance: Hanley and McNeil, Radiology 143 (1982) 29-36.

    Args:
        area: the area A that is expected, above 0.5.
        half_width: of its interval, above 0.
        normals_each: normal films for each one with pneumonia, above 0.
        level: confidence level.

    Returns:
        The two numbers; None for an area of 1, whose standard error is 0, or not above 0.5, for
        which the formula is not meant.
    """
    return _auc_cases(area, (half_width / z_score(level)) ** 2, normals_each)


def auc_to_decide(
    area: float,
    floor: float,
    normals_each: float,
    power: float = POWER,
    level: float = LEVEL,
) -> tuple[int, int] | None:
    """Films after which the area's interval lies on one side of a floor; as `auc_for_width`.

    On the logit scale, as `intervals.auc_delong` has it: the standard error of logit A is
    SE(A) / (A (1 - A)), and (z + z_power) of them have to fit between logit A and logit t.

    Args:
        area: the true area, above 0.5.
        floor: t, above 0 and below 1.
        normals_each: normal films for each one with pneumonia, above 0.
        power: as in `to_decide`.
        level: confidence level.

    Returns:
        The two numbers; None where the formula gives none, or the area lies on the floor.
    """
    if not 0.5 < area < 1 or not 0 < floor < 1 or math.isclose(area, floor, abs_tol=1e-12):
        return None
    apart = math.log(area / (1 - area)) - math.log(floor / (1 - floor))
    error = abs(apart) * area * (1 - area) / (z_score(level) + _z_power(power))
    return _auc_cases(area, error**2, normals_each)


def in_all(cases: int, share: float) -> int | None:
    """Films to collect so that so many are of a class that makes up a share of them.

    Source: Buderer, Acad Emerg Med 3 (1996) 895-900. None for a class that does not occur.
    """
    return _whole(cases / share) if share > 0 else None


def _auc_cases(area: float, variance: float, normals_each: float) -> tuple[int, int] | None:
    """Solve var = (A (1 - A) + (m - 1)(Q1 - A^2) + (k m - 1)(Q2 - A^2)) / (k m^2) for m."""
    if not 0.5 < area < 1 or not variance > 0 or not normals_each > 0:
        return None
    one = area / (2 - area) - area**2
    two = 2 * area**2 / (1 + area) - area**2
    linear, constant = one + normals_each * two, area * (1 - area) - one - two
    leading = variance * normals_each
    ill = (linear + math.sqrt(linear**2 + 4 * leading * constant)) / (2 * leading)
    return _whole(ill), _whole(ill * normals_each)


def _z_power(power: float) -> float:
    if not 0.5 <= power < 1:
        raise DataError(f"A power lies from 0.5 to below 1, not at {power}.")
    return NormalDist().inv_cdf(power)


def _check_share(share: float) -> None:
    if not 0 <= share <= 1:
        raise DataError(f"A share lies between 0 and 1, not at {share}.")


def _whole(number: float) -> int:
    """The next whole number, at least 1; rounding noise does not count as a whole film."""
    return max(1, math.ceil(number - 1e-9))
