"""Words of the model card that no run changes."""

INTENDED = """\
- **For** researchers who study explanations, thresholds and calibration; for teaching; for
  engineers who try out the software.
- **Not for** diagnosis, triage or any other decision on a person's care. It is not a medical device
  and nobody has tested it as one.
- **Not on** adults, side views, computed tomography, photographs of films, or in the search for any
  disease but pneumonia: how it does there has not been measured."""

FILMS = """\
Front views of children aged one to five from one hospital, Guangzhou Women and Children's Medical
Center, taken in routine care. The label is the reading of two physicians; a third checked the test
set. It is not a laboratory finding. Age, sex and machine of a film are not known, so there are no
figures by them."""

SPLIT_RULES = {
    "patient": "Training and validation were split by patient: nobody is in both. Test is as "
    "published.",
    "official": "All splits are as published, which does not keep the patients of training and "
    "validation apart: validation promises too much.",
}

LIMITS = """\
- Other children, adults, side views, other hospitals, machines and diseases are **unmeasured**.
- {answers} Whatever else a film shows gets one of them.
- The data has shortcuts that carry no lung: the shape of a film alone tells much about its label.
  {shape} Others may be left; `python -m pneumo_core audit` looks for them.
- A heatmap says where the network's evidence lies, not where the disease is. How far the places can
  be trusted, and how the model does on films at full size, stands in the
  [lab notebook](docs/experiments.md), beside the spread over seeds."""

ANSWERS = {
    False: "It knows two answers, normal and pneumonia.",
    True: "It knows three answers, normal, bacterial and viral pneumonia.",
}
"""By whether the network tells kinds of pneumonia apart."""

SHAPES = {
    "centre": "This run sees only the centre square, which hides the shape.",
    "squash": "This run squeezes films into a square, which gives the shape away.",
    "pad": "This run adds bars to films, which gives the shape away.",
}

ATTRIBUTION = """\
- Films: Kermany, Goldbaum, Cai et al., "Identifying Medical Diagnoses and Treatable Diseases by
  Image-Based Deep Learning", Cell 172 (2018) 1122–1131;
  [Labeled Optical Coherence Tomography (OCT) and Chest X-Ray Images for
  Classification](https://doi.org/10.17632/rscbjbr9sj.2), CC BY 4.0.
- PneumoniaMNIST: Yang, Shi, Wei et al., "MedMNIST v2 – A large-scale lightweight benchmark for 2D
  and 3D biomedical image classification", Scientific Data 10 (2023) 41;
  [medmnist.com](https://medmnist.com), CC BY 4.0.
- Code and weights: MIT, see [LICENSE](LICENSE)."""
