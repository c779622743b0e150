"""Words of the Help page."""

TITLE = "Help"
INTRO = "A tour of two minutes, how to read a heatmap, and what every term on these pages means."
TABS = {"heatmap": "How to read a heatmap", "glossary": "Glossary"}

READ = {
    "says": (
        "What it says",
        (
            "**Colours.** Dark purple is little evidence for the class that is named, orange more, "
            "yellow most. Where there is none, the plain film shows through.",
            "**Scale.** Every map is stretched until its strongest place is yellow, however weak "
            "it is. How much the map is worth stands below it, in logit units.",
            "**Contours.** Lines in place of colours, at a quarter, a half and three quarters of "
            "the strongest place. The film stays visible below them.",
        ),
    ),
    "not": (
        "What it does not say",
        (
            "**Not where the disease is.** It shows what moved this network. A bright place is no "
            "outline of an opacity, and a dark one is no all-clear.",
            "**Not how sure the network is.** That is the probability. A film called normal has a "
            "map as well, and a wrong answer's looks as convincing as a right one's.",
            "**Nothing fine.** A map has a few dozen to a few hundred cells and is enlarged "
            "smoothly: its soft edges are those of the cells.",
        ),
    ),
}
CELLS = "This map: {rows} × {columns} cells of evidence for “{target}”, by {method}."
SCALE = ("no evidence", "most on this film")
LOOKS = {"off": "The film", "blend": "With colours", "contour": "With contours"}
LOOK_ALT = "{look}: {case}"

CASES_HEADING = "Three maps, and how far to go by each"
CASES = {
    "right": (
        "A right answer",
        "Known as {truth}, called {called} with {percent}. {outside} of the evidence lies at the "
        "film's edge or beside the body, which make up {area} of it.",
    ),
    "wrong": (
        "A wrong answer",
        "Known as {truth}, called {called} all the same, with {percent} for pneumonia. Its map "
        "looks no worse: no map tells a right answer from a wrong one.",
    ),
    "edge": (
        "Evidence at the edge",
        "Known as {truth}, called {called} with {percent}. But {outside} of the evidence lies at "
        "the film's edge or beside the body, which make up only {area} of it: right, perhaps for a "
        "wrong reason.",
    ),
}
DRAWN_CASES = {
    "right": (
        "A right answer",
        "The evidence lies on a shadow in the lung, where a reader would look too.",
    ),
    "wrong": (
        "A wrong answer",
        "The evidence lies on a clear lung. The map looks no worse: no map tells a right answer "
        "from a wrong one.",
    ),
    "edge": (
        "Evidence at the edge",
        "The evidence lies on a marker in the corner, where no lung is: even if the answer is "
        "right, the reason is not.",
    ),
}
DRAWN = "These films are drawn. With the data set on this machine, real ones are here instead."
CASE_ALT = "{title}: the film under its map"
OPEN = "Open in Predict"

CHECKS = (
    "So each map on the Predict page is put through five checks. They ask whether the picture is "
    "true to the network, and never whether the answer is right: a faithful map of a wrong answer "
    "passes."
)
CHECKS_HELD = (
    "Do not go by a map that fails one of the first two; read one that fails another with care."
)
CHECK_COLUMN = "Check"
TOGETHER = "Together"
ANSWERS = {True: "Yes", False: "No", None: "–"}
STANDINGS = {
    "holds": "Holds up",
    "care": "Read with care",
    "reject": "Do not go by it",
    "blank": "Nothing to see",
}
CHECKING = "Checking the three maps…"
DRAWING = "Drawing the maps…"

SEARCH = "Search the glossary"
COUNT = "{count} terms"
FOUND = "{count} of {of} terms"
NONE_FOUND = "No term is called so or speaks of it. Try another word, or fewer letters."
ALSO = "Also: {names}"
