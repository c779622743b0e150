"""Words of the guided tour."""

TAKE = "Take the tour: two minutes"
NAME = "Guided tour"
PLACE = "Step {step} of {count}"
LABEL = "{name}, step {step} of {count}: {title}"
NEXT, BACK, DONE, END = "Next", "Back", "Done", "End the tour"
THERE = "Go to {page}"
ELSEWHERE = "The tour goes on where you left it: on the page {page}."

STEPS = {
    "overview": (
        "How good is it?",
        "Four figures on films the model never saw, each with its 95\u00a0% interval. Where "
        "validation is much better than test, believe test.",
    ),
    "verdict": (
        "A probability, and three zones",
        "This is a film of the test set. Look at where its probability stands between “rule out” "
        "and “rule in”: a film between them needs a reader.",
    ),
    "map": (
        "Why it says so",
        "The map shows where the network's evidence lies, not where a disease is. Fade it, zoom "
        "with the wheel, and try “Model's view”: that is all the network saw.",
    ),
    "trust": (
        "How far to trust the map",
        "Five checks of the picture. If one of the first two says no, do not go by the map, "
        "however convincing it looks.",
    ),
    "threshold": (
        "Where to draw the line",
        "Drag the threshold and watch misses turn into false alarms. “Use it” carries yours to "
        "every other page.",
    ),
    "misclassified": (
        "What it gets wrong",
        "The films on the wrong side of the threshold, the most wrong first. Look for what they "
        "have in common.",
    ),
    "batch": (
        "Your own films",
        "Drop many films here and read them in the order that matters; a report of one film is on "
        "Predict, below its map. That is all: the glossary is under Help.",
    ),
}
OWN_FILM = {
    "verdict": (
        "Take a film of your own",
        "The films of the data set are not on this machine, so drop a chest X-ray here. It stays "
        "in this session's memory. Then look at where its probability stands between the zones.",
    ),
}
