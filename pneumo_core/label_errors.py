"""Which labels of a scored data set are likely errors: confident learning.

Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 70
(2021) 1373-1411. The scores must be out of sample: a network that has been fitted to a wrong label
agrees with it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pneumo_core.scores import need_both, pair_probabilities


@dataclass(frozen=True, eq=False)
class LabelErrors:
    """What confident learning finds.

    Attributes:
        thresholds: For Normal and Pneumonia, the mean probability that the network gives the class
            over the images labelled with it: from there on it counts as confident of that class.
        joint: int64 (2, 2), the confident joint: images labelled i (row) that the network is
            confident belong to class j (column). Those it is confident of nothing in are left out.
        positions: Of the images off the joint's diagonal, the likeliest errors first.
        margins: Of the same images: probability of the label less that of the other class, in
            [-1, 1]; the lower, the likelier the error.
    """

    thresholds: tuple[float, float]
    joint: np.ndarray
    positions: np.ndarray
    margins: np.ndarray


def likely_label_errors(labels: Any, probabilities: Any) -> LabelErrors:
    """Rank the images whose label the network confidently contradicts.

    An image belongs to the class whose threshold its probability reaches; where it reaches both,
    to the more probable one. Ties in margin keep the order of the images.

    Args:
        labels: (N,) 0 or 1, as given.
        probabilities: (N,) calibrated probability of pneumonia, in [0, 1], of a network that was
            not trained on these images.

    Raises:
        DataError: a bad value, different lengths, or one class only.
    """
    positive, pneumonia = pair_probabilities(labels, probabilities)
    need_both(positive, "Confident learning")
    given = positive.astype(np.int64)
    of_class = np.stack([1 - pneumonia, pneumonia], axis=1)
    thresholds = np.array([of_class[given == label, label].mean() for label in (0, 1)])
    reached = of_class >= thresholds
    likely = np.where(reached, of_class, -1.0).argmax(axis=1)
    confident = reached.any(axis=1)
    joint = np.zeros((2, 2), np.int64)
    np.add.at(joint, (given[confident], likely[confident]), 1)
    found = np.flatnonzero(confident & (likely != given))
    margins = of_class[found, given[found]] - of_class[found, 1 - given[found]]
    order = np.argsort(margins, kind="stable")
    return LabelErrors(tuple(thresholds.tolist()), joint, found[order], margins[order])
