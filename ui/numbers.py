"""How numbers are written on the screen, the same on every page."""

from collections.abc import Sequence

from ui.words import common as words


def percent(share: float) -> str:
    """A share of 0 to 1 as whole percent; the ends are never rounded up to certainty."""
    if share < 0.01:
        return words.UNDER_ONE
    if share > 0.99:
        return words.OVER_99
    return f"{100 * share:.0f} %"


def in_hundred(share: float) -> str:
    """A share as a count in a hundred, for "about 87 in 100"."""
    if share < 0.01:
        return words.FEWER_THAN_ONE
    if share > 0.99:
        return words.MORE_THAN_99
    return words.ABOUT.format(count=f"{100 * share:.0f}")


def share(estimate: Sequence[float | None]) -> str:
    """The value of a [value, low, high] estimate of a proportion, as percent with one decimal."""
    value = estimate[0]
    return words.NOT_DEFINED if value is None else f"{100 * value:.1f} %"


def share_interval(estimate: Sequence[float | None]) -> str:
    """The 95 % interval of a proportion in words, "" where there is none."""
    _, low, high = estimate
    if low is None or high is None:
        return ""
    return words.INTERVAL.format(low=f"{100 * low:.1f}", high=f"{100 * high:.1f} %")


def ratio(estimate: Sequence[float | None]) -> str:
    """The value of a [value, low, high] estimate such as an AUC, with three decimals."""
    value = estimate[0]
    return words.NOT_DEFINED if value is None else f"{value:.3f}"


def ratio_interval(estimate: Sequence[float | None]) -> str:
    """The 95 % interval of such an estimate in words, "" where there is none."""
    _, low, high = estimate
    if low is None or high is None:
        return ""
    return words.INTERVAL.format(low=f"{low:.3f}", high=f"{high:.3f}")
