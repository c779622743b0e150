"""A scale from 0 to 100 % with the zones, the threshold and where an image stands on it."""

from collections.abc import Sequence

import streamlit as st

from pneumo_core.operating_point import Zones, threshold_words
from pneumo_core.palette import PALETTE
from ui import numbers
from ui.front_end import joined
from ui.words import predict as words

_mount = st.components.v2.component(
    "probability_scale",
    html=joined("probability_scale/scale.html"),
    css=joined("probability_scale/scale.css"),
    js=joined("probability_scale/scale.js"),
)


def probability_scale(
    probability: float,
    threshold: float,
    zones: Zones,
    members: Sequence[float] = (),
    *,
    key: str,
) -> None:
    """Draw the scale.

    Args:
        probability: Calibrated probability of pneumonia, 0 to 1.
        threshold: The threshold in use, 0 to 1; it should lie inside the uncertain zone, see
            `Zones.around`.
        zones: Where ruling out ends and ruling in begins.
        members: What each network of an ensemble says, 0 to 1; none for a single network.
        key: Unique name of this scale on the page.
    """
    zone = zones.zone(probability)
    low, high = threshold_words(zones.rule_out), threshold_words(zones.rule_in)
    texts = {
        "rule out": words.ZONE_OUT.format(low=low),
        "uncertain": words.ZONE_BETWEEN.format(low=low, high=high),
        "rule in": words.ZONE_IN.format(high=high),
    }
    classes = {"rule out": "out", "uncertain": "between", "rule in": "in"}
    _mount(
        key=key,
        data={
            "probability": probability,
            "text": numbers.percent(probability),
            "members": list(members),
            "threshold": threshold,
            "threshold_text": words.SCALE_THRESHOLD.format(threshold=threshold_words(threshold)),
            "rule_out": zones.rule_out,
            "rule_in": zones.rule_in,
            "zones": [
                {"zone": classes[name], "text": text, "here": name == zone}
                for name, text in texts.items()
            ],
            "colours": {
                "out": PALETTE.normal,
                "in": PALETTE.pneumonia,
                "point": PALETTE.point,
            },
            "sentence": words.SCALE_SENTENCE.format(
                percent=numbers.percent(probability),
                zone=zone,
                threshold=threshold_words(threshold),
            ),
        },
    )
