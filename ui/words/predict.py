"""Words of the Predict page."""

TITLE = "Read an X-ray"

SOURCE = "Where the film comes from"
UPLOAD = "Your own film"
SAMPLE = "A sample"
UPLOADER = "Drop a chest X-ray here: PNG, JPEG or TIFF, up to 64 MB"
NO_FILM = (
    "You get the calibrated probability of pneumonia, the verdict at the threshold in use, and "
    "where the network's evidence lies. No film at hand? Choose “A sample” above."
)
UPLOAD_PRIVACY = "The film stays in this session's memory and is gone when you close the page."
REMOVE = "Remove this film"
SAMPLE_PICKER = "Test film"
SAMPLE_HELP = "Films of the test set, which the model never learned from. Type to search."
SAMPLE_RANDOM = "Another one"
SAMPLE_TRUTH = "Known answer: **{truth}**."
READING = "Reading the film…"
TAKEN_AS = "Read as {kind}, {width} × {height} pixels{notes}."
COLOURFUL = (
    "This picture has colours, so it may not be an X-ray. The figures below mean nothing for "
    "anything but a chest film."
)

SHOW_ANYWAY = "Show the verdict anyway"

PROBABILITY = "Probability of pneumonia"
IN_HUNDRED = "Of 100 films with this score, {count} would show pneumonia."
IN_HUNDRED_HELP = (
    "Calibrated on the validation films, where {prevalence} have pneumonia. Where pneumonia is "
    "rarer, the true share is lower."
)
CALLED = {"Pneumonia": "Called pneumonia", "Normal": "Called normal"}
SIDE = {
    "Pneumonia": "At or above the threshold {threshold} of the operating point “{point}”.",
    "Normal": "Below the threshold {threshold} of the operating point “{point}”.",
}
MEMBERS_ALIKE = "Mean of {count} networks trained apart, which all say {percent}."
MEMBERS_AGREE = (
    "Mean of {count} networks trained apart, which say {low} to {high} (the fine marks) and call "
    "it alike."
)
MEMBERS_DIFFER = (
    "Mean of {count} networks trained apart, which say {low} to {high} (the fine marks): "
    "{positive} of them call it pneumonia, the others normal."
)
ZONES = {
    "rule out": "**Rule out.** On the test films, {count} of {of} with pneumonia are in this zone "
    "too.",
    "uncertain": "**Uncertain: needs a reader.** The score lies between ruling out and ruling in.",
    "rule in": "**Rule in.** On the test films, {count} of {of} normal ones are in this zone too.",
}
CLASSES = {"Normal": "normal", "Pneumonia": "pneumonia"}
AT_POINT = "On the test films that means sensitivity {sensitivity}, specificity {specificity}."
TRAINED_ON = (
    "Trained on children of one to five from one hospital, front views. For any other film this "
    "is a guess."
)
NOTE = "Clinical note, to copy"


def odds(factor: float) -> str:
    """What a factor does to the odds, in words."""
    return f"{factor:,.0f}" if factor >= 10 else f"{factor:.1f}"


SCALE_THRESHOLD = "threshold {threshold}"
SCALE_SENTENCE = (
    "Probability of pneumonia {percent}, in the zone “{zone}”. The threshold is {threshold}."
)
ZONE_OUT = "rule out: below {low}"
ZONE_BETWEEN = "uncertain, needs a reader: {low} to {high}"
ZONE_IN = "rule in: from {high}"

TARGET = "Evidence for"
LAYER = "Read at layer"
LAYER_HELP = (
    "Later layers know more of the whole film but see it more coarsely. The first choice is the "
    "model's own."
)
FIRST_ORDER = (
    "Read before the last layer, this is a first-order estimate: it need not add up to the score."
)
MAP_CAPTION = (
    "It shows where this network's evidence lies, not where a disease is. {method} for “{target}” "
    "at {layer}, {rows} × {columns} cells; {model}."
)
WORTH = (
    "The map as a whole is worth **{worth} logit units** towards “{target}” (odds × {odds}); "
    "{against} units speak against it."
)
WEAK = 0.5  # logit units: less than a change of the odds from 1 : 1 to 5 : 3
WORTH_WEAK = (
    "That is next to nothing. The colours are bright all the same, because every map is stretched "
    "to the full scale."
)
NO_EVIDENCE = "At this layer nothing on the film speaks for “{target}”, so the map is blank."
WORTH_HELP = (
    "Evidence adds up in units of the network's logit; after calibration one unit multiplies the "
    "odds by {factor}. Every map is stretched to the full scale of colours, so the colours alone "
    "do not say how strong the evidence is."
)
ORIGINAL = "Original; the network sees the dashed square"
ORIGINAL_WHOLE = "Original"
OVERLAY = "Evidence for “{target}”"
WEAKEST, STRONGEST = "none", "most"
OPACITY = "Heatmap"
DOWNLOAD = "Download the overlay"
DOWNLOAD_NAME = "pneumolens-{target}.png"

SEEN_HEADING = "What the network saw"
SEEN = (
    "This square of {size} × {size} pixels{enlarged}, and nothing else. What cannot be seen here, "
    "the model cannot have used."
)
SEEN_ENLARGED = ", then enlarged to {input} × {input} for the network"
SEEN_ALT = "The film at {size} by {size} pixels, as the network gets it"

SIMILAR_HEADING = "Similar training films"
SIMILAR = (
    "Of the {count} training films that the network finds most like this one, **{positive} show "
    "pneumonia**."
)
SIMILAR_HELP = (
    "Near means alike in the network's own features, in standard deviations: two training films "
    "picked blindly are about 1.4 apart. It is a second look, not an independent opinion."
)
SIMILAR_TILE = "{truth}, {distance} away"
SIMILAR_ALT = "Training film {id}: {truth}"
SIMILAR_UNSEEN = (
    "The {count} nearest: {pneumonia} with pneumonia, {normal} normal. To see them, put the data "
    "set where PneumoLens finds it."
)
