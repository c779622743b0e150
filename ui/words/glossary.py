"""What every term on the pages means, in one or two plain sentences each, in alphabetical order."""

from typing import NamedTuple


class Term(NamedTuple):
    """One entry.

    Attributes:
        name: As the pages write it, with a capital to begin with.
        meaning: One or two plain sentences; no markup.
        also: Other names that lead here.
    """

    name: str
    meaning: str
    also: tuple[str, ...] = ()


GLOSSARY = (
    Term(
        "Accuracy",
        "The share of all films called right. It depends on how common pneumonia is among them.",
    ),
    Term(
        "Accuracy at 0.5",
        "The share of films called right at a fixed threshold of 0.5. Published comparisons on "
        "this data use it; it depends on how common pneumonia is.",
    ),
    Term(
        "AUC",
        "The chance that a film with pneumonia gets a higher score than a normal one. 1 is "
        "perfect, 0.5 is guessing. It does not depend on the threshold.",
        ("area under the curve", "area under the ROC curve"),
    ),
    Term(
        "Augmentation",
        "Small changes (turning, shifting, brightness) made to the training films, so that a "
        "network learns what stays the same under them.",
        ("augmented",),
    ),
    Term(
        "Average precision",
        "The precision–recall curve in one number: the precision, averaged as the threshold is "
        "lowered. Guessing has the share of pneumonia among the films.",
        ("AP",),
    ),
    Term(
        "Balanced accuracy",
        "The mean of sensitivity and specificity: accuracy as if both classes were equally common.",
    ),
    Term(
        "Bayes' rule",
        "How a test result moves the odds of a disease: the odds before it, multiplied by the "
        "likelihood ratio. It carries a probability over to another prevalence.",
        ("Bayes",),
    ),
    Term(
        "Bootstrap",
        "Drawing the same number of films again and again from those there are, to see how far a "
        "figure would move with other films of the same kind.",
        ("resamples", "resampled"),
    ),
    Term(
        "Brier score",
        "The mean squared distance between the probability given and what was true (1 or 0). "
        "Lower is better.",
    ),
    Term(
        "Calibrated probability",
        "A score that keeps its promise: of many films given 70 %, about 70 % have pneumonia, if "
        "pneumonia is as common as it was in validation.",
        ("calibration", "calibrated", "probability"),
    ),
    Term(
        "Calibration in the large",
        "How far all probabilities together are too high or too low, in log-odds: 0 is perfect, "
        "below 0 they promise too much.",
    ),
    Term(
        "CLAHE",
        "Contrast-limited adaptive histogram equalisation: evens out the contrast in each part of "
        "a film, so that faint structure shows in dark and bright parts alike.",
        ("evened out locally", "histogram equalised"),
    ),
    Term(
        "Confidence interval",
        "The range in which a figure plausibly lies, given how few films it was measured on. Of "
        "100 such 95 % intervals, about 95 hold the true value.",
        ("95 % interval", "interval"),
    ),
    Term(
        "Confident learning",
        "A way to find labels that are probably wrong: those against which a model is at least as "
        "sure as it is on average of the other class (Northcutt et al. 2021).",
        ("label error",),
    ),
    Term(
        "Confusion matrix",
        "Four counts at one threshold: pneumonia found and missed, normal films cleared and "
        "called pneumonia by mistake.",
    ),
    Term(
        "Contact sheet",
        "Many films on one page, small, each with its name and its figures below it.",
    ),
    Term(
        "Contour",
        "A line around all places of a heatmap that are at least so strong: here at a quarter, a "
        "half and three quarters of the strongest.",
        ("contours",),
    ),
    Term(
        "Control",
        "A map made to mean nothing, by random weights. A real method must beat it.",
        ("random weights", "random map"),
    ),
    Term(
        "Cost ratio",
        "How many false alarms one miss is worth to you. It decides which threshold costs least.",
        ("cost",),
    ),
    Term(
        "Cross-entropy",
        "What training makes small: a penalty that grows the surer a network is of the wrong "
        "class.",
        ("loss",),
    ),
    Term(
        "Deletion",
        "A check of a map: remove the marked places first and see how fast the score falls. The "
        "faster, the more the network leaned on them.",
    ),
    Term(
        "DeLong's test",
        "Whether two AUCs on the same films differ by more than chance would make them. The same "
        "arithmetic gives the interval of an AUC.",
        ("DeLong",),
    ),
    Term(
        "DICOM",
        "The file format of X-ray machines and hospitals. PneumoLens takes the pixels and a few "
        "facts from fixed lists, and never a name.",
    ),
    Term(
        "ECE",
        "Expected calibration error: the mean gap between the probability promised and the share "
        "that came true. 0 is perfect.",
        ("expected calibration error", "calibration error"),
    ),
    Term(
        "Eigen-CAM",
        "A heatmap of what a layer responds to most. It knows no class.",
    ),
    Term(
        "Ensemble",
        "Several networks trained apart whose scores are averaged. How far they differ shows how "
        "much of an answer is chance.",
    ),
    Term(
        "Epoch",
        "One pass over all training films. The epoch that does best on validation is kept.",
    ),
    Term(
        "Evidence",
        "What in a film moved the network's score towards a class. It is about the network, not "
        "about the disease.",
    ),
    Term(
        "F-beta",
        "A mean of precision and recall in which recall counts beta times as much.",
    ),
    Term(
        "F1",
        "One number for precision and recall together (their harmonic mean): it is low when "
        "either is.",
    ),
    Term(
        "Faithful",
        "Said of a map when the places it marks are those the network leans on: removing them "
        "moves the score more than removing places drawn at random.",
        ("faithfulness",),
    ),
    Term(
        "False alarm",
        "A normal film that is called pneumonia.",
        ("false positive",),
    ),
    Term(
        "False positive rate",
        "Of the normal films, the share called pneumonia: 1 less the specificity.",
    ),
    Term(
        "Focal loss",
        "A way of training that gives films which are already easy less weight.",
        ("focal",),
    ),
    Term(
        "Frozen",
        "Said of layers that a phase of training leaves as they were.",
    ),
    Term(
        "Gain",
        "Insertion less deletion: how much more the score moves with the marked places than "
        "without them. Random maps come to 0.",
    ),
    Term(
        "Gamma",
        "A change of brightness that leaves black and white where they are and moves the greys.",
    ),
    Term(
        "Grad-CAM",
        "A heatmap from a layer of the network: what the layer saw, weighted by how much each of "
        "its channels moves the score (Selvaraju et al. 2017).",
        ("gradient-weighted class activation map", "class activation map", "CAM"),
    ),
    Term(
        "Grad-CAM++",
        "A relative of Grad-CAM that counts only what raises the score.",
    ),
    Term(
        "Gradient",
        "How much the score would change with a small change in one place of the film or the "
        "network.",
    ),
    Term(
        "Heatmap",
        "Colours laid over a film that show where the network's evidence for a class lies.",
        ("map", "overlay"),
    ),
    Term(
        "HiResCAM",
        "Like Grad-CAM, but weighted place by place, so that it marks only what the score was "
        "made of (Draelos and Carin 2020).",
    ),
    Term(
        "ImageNet",
        "A large collection of everyday photographs. Networks are often trained on it first.",
    ),
    Term(
        "Insertion",
        "A check of a map: put the marked places back first and see how fast the score rises.",
    ),
    Term(
        "Integrated gradients",
        "A heatmap of the film itself: what each pixel adds to the score on the way from a "
        "blurred film to the real one (Sundararajan et al. 2017).",
    ),
    Term(
        "Label smoothing",
        "Training on labels that are a little less than certain, against a network too sure of "
        "itself.",
        ("labels smoothed",),
    ),
    Term(
        "Layer",
        "One step of the network. Later layers know more of the whole film but see it more "
        "coarsely.",
        ("stage", "block"),
    ),
    Term(
        "LayerCAM",
        "A relative of Grad-CAM for earlier, finer layers (Jiang et al. 2021).",
    ),
    Term(
        "Learning rate",
        "How large a step training takes each time. A schedule makes it smaller towards the end.",
        ("schedule",),
    ),
    Term(
        "Likelihood ratio",
        "What a call multiplies the odds of pneumonia by: LR+ for an alert, LR− for an all-clear.",
        ("LR+", "LR−"),
    ),
    Term(
        "Logit",
        "The network's raw score: the logarithm of the odds, the probability over its rest. 0 is "
        "even odds, +1 is odds of about 2.7 to 1.",
        ("log-odds", "logit unit"),
    ),
    Term(
        "Macro mean",
        "The mean over classes, each counted alike; a weighted mean counts each by its films.",
        ("weighted mean",),
    ),
    Term(
        "Margin",
        "How much worse a figure may be and still count as holding. The whole interval must lie "
        "within it.",
    ),
    Term(
        "McNemar's test",
        "Whether two models on the same films differ by more than chance: it counts the films "
        "that only one of them gets right.",
        ("McNemar",),
    ),
    Term(
        "MONOCHROME1",
        "A kind of DICOM film that is stored with black and white swapped. PneumoLens turns it "
        "round before anything else.",
    ),
    Term(
        "Near copy",
        "A film that is the same as another but for its size, its crop or its compression.",
    ),
    Term(
        "Net benefit",
        "True alarms less false ones, these weighed by how little one minds them: above 0, the "
        "model does more good than leaving everybody untreated.",
    ),
    Term(
        "Newcombe's interval",
        "A confidence interval for the difference of two shares.",
        ("Newcombe",),
    ),
    Term(
        "Novelty",
        "How far a film looks from those the model was trained on. An unusual film gets a warning, "
        "or no verdict at all.",
        ("unusual",),
    ),
    Term(
        "NPV",
        "Negative predictive value: of the films called normal, the share that is. It falls where "
        "pneumonia is common.",
        ("negative predictive value",),
    ),
    Term(
        "Occlusion",
        "A heatmap made by covering one part of the film after another with grey and watching the "
        "score fall (Zeiler and Fergus 2014).",
    ),
    Term(
        "Odds",
        "A probability over its rest: 80 % is odds of 4 to 1.",
    ),
    Term(
        "Operating point",
        "A threshold with its name and the reason it was chosen, such as “balanced”.",
    ),
    Term(
        "Optimiser",
        "The rule by which training changes a network's weights, step by step.",
        ("Adam", "AdamW", "SGD", "gradients clipped"),
    ),
    Term(
        "P-value",
        "How often a difference this large would come up if there were none. It does not say how "
        "large or how important a difference is.",
        ("p",),
    ),
    Term(
        "Patient split",
        "A division of the films that leaves all of one child's on one side, so that no model is "
        "tested on a child it knows.",
        ("split",),
    ),
    Term(
        "Phase",
        "A stretch of training with its own learning rate and its own frozen layers.",
    ),
    Term(
        "PPV",
        "Positive predictive value: of the films called pneumonia, the share that has it. It falls "
        "where pneumonia is rare.",
        ("positive predictive value", "precision"),
    ),
    Term(
        "Precision–recall curve",
        "Precision (PPV) against recall (sensitivity) over all thresholds. Unlike the ROC curve it "
        "depends on how common pneumonia is.",
        ("PR",),
    ),
    Term(
        "Prevalence",
        "The share of all films, or patients, that has pneumonia.",
    ),
    Term(
        "Reliability diagram",
        "The probability promised against the share that came true. A calibrated model follows "
        "the diagonal.",
    ),
    Term(
        "ROC curve",
        "Sensitivity against false alarms over all thresholds. The nearer to the upper left "
        "corner, the better.",
        ("ROC", "receiver operating characteristic"),
    ),
    Term(
        "Score",
        "The network's answer before a threshold makes a call of it.",
    ),
    Term(
        "Score-CAM",
        "A relative of Grad-CAM without gradients: each channel is weighed by the score of the "
        "film seen through it. Slow.",
    ),
    Term(
        "Seed",
        "The number that fixes the chance in a training. Other seeds give other networks, and "
        "their spread is the luck in a figure.",
    ),
    Term(
        "Sensitivity",
        "Of the films with pneumonia, the share that the model calls pneumonia.",
        ("recall", "true positive rate"),
    ),
    Term(
        "Silhouette",
        "How well groups stand apart, from −1 to 1: near 0 they overlap.",
    ),
    Term(
        "Spearman's rank correlation",
        "How alike two maps order their places: 1 is the same order, 0 is unrelated.",
        ("rank correlation",),
    ),
    Term(
        "Specificity",
        "Of the normal films, the share that the model calls normal.",
        ("true negative rate",),
    ),
    Term(
        "Temperature",
        "The number that scores are divided by to turn them into calibrated probabilities. It "
        "changes no order, and so no AUC.",
        ("temperature scaling",),
    ),
    Term(
        "Test films",
        "Films that neither training nor any choice has seen. They are scored once, at the end.",
        ("test", "test set"),
    ),
    Term(
        "Three zones",
        "Rule out, uncertain and rule in: below the first limit few have pneumonia, above the "
        "second few are normal, and a film between them needs a reader.",
        ("zone", "rule in", "rule out", "uncertain"),
    ),
    Term(
        "Threshold",
        "The probability from which on a film is called pneumonia. A lower one misses less and "
        "raises more false alarms.",
    ),
    Term(
        "Validation films",
        "Films that the network did not learn from, but on which epoch, temperature and threshold "
        "were chosen.",
        ("validation",),
    ),
    Term(
        "Weight decay",
        "A pull of the network's weights towards zero in training, against learning films by "
        "heart.",
    ),
    Term(
        "Weights",
        "The numbers that a network has learned. Some recipes keep their average over the last "
        "steps, which is steadier.",
        ("parameters", "weights averaged"),
    ),
    Term(
        "Wilson's interval",
        "A confidence interval for a share that also holds for few films and near 0 or 100 %.",
        ("Wilson",),
    ),
    Term(
        "Window and level",
        "Which grey values of a film are spread from black to white: a narrow window has high "
        "contrast, and its level is the grey in its middle.",
        ("window", "level", "contrast", "brightness"),
    ),
    Term(
        "Worth",
        "The sum of a map's evidence for a class, in logit units: how much, where the colours only "
        "say where.",
    ),
    Term(
        "Youden's index",
        "Sensitivity plus specificity less 1. Its highest value marks a threshold that weighs both "
        "alike.",
        ("Youden",),
    ),
)


def meaning(name: str) -> str:
    """What the entry called `name` says.

    Raises:
        KeyError: there is no such entry.
    """
    return {term.name: term.meaning for term in GLOSSARY}[name]
