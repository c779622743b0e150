"""Words of the film viewer."""

PRESETS = {"full": "Full", "lung": "Lung", "bone": "Bone"}

SEEN = "What the network saw: {size} × {size} pixels"

WORDS: dict[str, str] = {
    "viewer": "Film viewer",
    "tools": "Film tools",
    "zoom_out": "Zoom out (−)",
    "zoom_in": "Zoom in (+)",
    "fit": "Fit to the frame (0)",
    "actual": "One pixel for one pixel (1)",
    "side": "Side by side",
    "side_hint": "The film beside its heatmap, or both in one picture",
    "contrast": "Contrast",
    "contrast_hint": "Drag on the film: sideways for contrast, up for brighter. Or with the right "
    "button, at any time.",
    "invert": "Invert",
    "invert_hint": "Black and white change places (I)",
    "model": "Model’s view",
    "model_hint": "What the network saw, pixel by pixel, in its place (M)",
    "full_screen": "Full screen (Esc to leave)",
    "view": "View",
    "view_hint": "Contrast presets and colours",
    "windows": "Window",
    "brightness": "Brightness",
    "width": "Contrast",
    "equalise": "Even out locally (CLAHE)",
    "reset": "Reset",
    "colours": "Colours of the heatmap",
    "inferno": "Inferno",
    "viridis": "Viridis",
    "cividis": "Cividis",
    "keys": "On the film: wheel or + and − zoom, 0 fits, 1 shows its own pixels, drag or arrows "
    "move it, I inverts, M shows what the network saw, H hides the heatmap.",
    "heat": "Heatmap",
    "blend": "Blend",
    "above": "Only above",
    "contour": "Contours",
    "off": "Off",
    "opacity": "Opacity of the heatmap",
    "level": "Show the heatmap only above this strength",
    "weakest": "none",
    "strongest": "most",
    "original": "Original; the network sees the dashed square",
    "original_whole": "Original",
    "evidence": "Evidence for “{target}”",
    "spoken": "Zoom {zoom}",
}
