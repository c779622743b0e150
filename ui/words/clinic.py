"""Words about the user's own patients."""

TITLE = "At your place"
ASKED = "Pneumonia among my patients, %"
RANGE = (0.1, 99.9)
START = 10.0
WHY = (
    "The probability holds where {share} of films show pneumonia, as in validation. Say how many "
    "of yours do, and you see what this score and a call mean there."
)
MEANS = (
    "Where {percent} % have pneumonia, of 100 films with this score **{count}** would show it. A "
    "film called pneumonia has it with **{ppv}** (PPV), one called normal has none with **{npv}** "
    "(NPV)."
)
ASSUMES = (
    "By Bayes, with sensitivity and specificity as on the test films; sicker or healthier patients "
    "may have others. Kept for the session, also for the Threshold page and the report."
)
