"""The checks of a map in plain words: of the explanation, never of the disease or the verdict."""

from pneumo_core.trust import CHECKS, STEADY, Check, Trust

QUESTIONS: dict[Check, str] = {
    "faithful": "Does the network lean on the marked places?",
    "learned": "Does the map depend on what the network has learned?",
    "stable": "Does it hold when the film changes slightly?",
    "agreement": "Do other methods mark the same places?",
    "place": "Is the evidence where lungs can be?",
}

_FIGURE: dict[Check, str] = {
    "faithful": "gain",
    "learned": "likeness",
    "stable": "stability",
    "agreement": "agreement",
    "place": "density",
}

_FAILED: dict[Check, str] = {
    "faithful": "to the network, what it marks matters hardly more than places drawn at random",
    "learned": "a network that has forgotten what it learned draws much the same map",
    "stable": "it changes, or the answer does, when the film is changed slightly",
    "agreement": "methods that work differently mark other places",
    "place": "the evidence crowds at the film's edge, in its corners or beside the body",
}

CAVEAT = "Whether the answer is right is another question, which no map settles."


def figure_of(trust: Trust, check: Check) -> float | None:
    """Return the one figure that stands for a check."""
    return trust.figures()[_FIGURE[check]]


def standing_of(trust: Trust, check: Check) -> float | None:
    """Return the share of the reference images whose figure is lower, 0 to 1; None if unknown."""
    return trust.reference and trust.reference.below(_FIGURE[check], figure_of(trust, check))


def sentence(trust: Trust, check: Check) -> str:
    """Say what a check found."""
    value = figure_of(trust, check)
    if value is None:
        return "This cannot be measured: the map is the same everywhere."
    return _SENTENCES[check](trust, value)


def _faithful(trust: Trust, gain: float) -> str:
    found = trust.faithful
    start = (
        f"With the marked places kept, the log-odds of {trust.cam.target} are on average "
        f"{_signed(gain)} against when they are removed; random maps come to 0."
    )
    end = f"This one beats {found.beaten:.0%} of random maps" + (
        "." if trust.passed("faithful") else ", too few to tell it from chance."
    )
    return f"{start} {end}"


def _learned(trust: Trust, likeness: float) -> str:
    start = (
        "The map's rank correlation with those of networks whose last layers were re-initialised "
        f"is {likeness:.2f}"
    )
    if trust.reference is None:
        return f"{start}; low is right."
    limit = f"{trust.reference.unrelated:.2f}, the limit that maps of unrelated films set."
    return f"{start}, {'below' if trust.passed('learned') else 'not below'} {limit}"


def _stable(trust: Trust, likeness: float) -> str:
    found = trust.stable
    turned = (
        "none of them changes the answer"
        if found.turned == 0
        else f"{found.turned} of them {'changes' if found.turned == 1 else 'change'} the answer"
    )
    return (
        f"In {len(found.scores)} views, slightly turned, shifted, brightened or noisy, the maps' "
        f"rank correlation with this one is {likeness:.2f}"
        f"{'' if likeness >= STEADY else ', which is low'}. The log-odds move by up to "
        f"{found.largest:.2f}; {turned}."
    )


def _agreement(trust: Trust, likeness: float) -> str:
    from pneumo_core.explain import METHODS

    each = ", ".join(
        f"{METHODS[name].title} {'unknown' if value is None else f'{value:.2f}'}"
        for name, value in trust.agreement.items()
    )
    verdict = "agree" if trust.passed("agreement") else "disagree"
    return f"Methods that work differently {verdict}: rank correlation {likeness:.2f} ({each})."


def _place(trust: Trust, density: float) -> str:
    found = trust.place
    assert found is not None
    return (
        f"{found.outside:.0%} of the evidence lies at the film's edge, in its corners or in the "
        f"air beside the body. They make up {found.outside_area:.0%} of the film, so that is "
        f"{density:.1f} times what an even spread would put there."
    )


_SENTENCES = {
    "faithful": _faithful,
    "learned": _learned,
    "stable": _stable,
    "agreement": _agreement,
    "place": _place,
}


def overall(trust: Trust) -> str:
    """Say what the checks mean together."""
    standing = trust.standing
    if standing == "blank":
        return f"The network has no evidence for {trust.cam.target} here: there is no map to trust."
    failed = [_FAILED[check] for check in CHECKS if trust.passed(check) is False]
    unknown = [check for check in CHECKS if trust.passed(check) is None]
    if standing == "holds":
        held = "every check" if not unknown else f"{len(CHECKS) - len(unknown)} of 5 checks"
        rest = "" if not unknown else ", and the others could not be made"
        return f"This map holds up in {held}{rest}: it shows what the network leaned on. {CAVEAT}"
    reasons = "; ".join(failed)
    if standing == "care":
        return f"Read this map with care: {reasons}. {CAVEAT}"
    return f"Do not go by this map: {reasons}. {CAVEAT}"


def _signed(logits: float) -> str:
    return f"{abs(logits):.2f} {'higher' if logits >= 0 else 'lower'}"
