"""How to get a run again: the commands, with all that its recipe changed of the one it names."""

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from pneumo_core.model_table import members
from pneumo_core.recipe import FROM_SCRATCH
from pneumo_core.runs import Run

NEAR = "A training on another machine ends near these figures, not on them."
OWN_RECIPE = (
    "The recipe is not one of those that come with PneumoLens: its fields are in `run.json`, under "
    "`recipe`."
)


def commands(run: Run) -> str:
    """A code block of the commands that train, join, score and describe a run, and what to expect.

    Raises:
        RecipeError: If the recipe it is named after is damaged.
    """
    from pneumo_core.recipe import recipe_names

    networks = members(run)
    seeds = [one["seed"] for one in networks or (run.training,)]
    train = shlex.join(["python", "train_cli.py", "--recipe", run.recipe["name"], *changes(run)])
    lines = [f"{train} --seed {seed}" for seed in seeds]
    if networks:
        names = " ".join(str(one.get("run", "?")) for one in networks)
        lines.append(f"python -m pneumo_core ensemble {names} --out {run.name}")
    lines += [
        f"python -m pneumo_core evaluate {run.name}    # score again, compare with these figures",
        f"python -m pneumo_core card {run.name}        # this page",
    ]
    said = NEAR if run.recipe["name"] in recipe_names() else f"{NEAR} {OWN_RECIPE}"
    return "```sh\n{}\n```\n\n{}".format("\n".join(lines), said)


def changes(run: Run) -> list[str]:
    """What the run's recipe changed of the one it is named after, as arguments of train_cli.py.

    Empty where no recipe has that name. What ImageNet's weights make of the network is no change,
    for they make it again.

    Raises:
        RecipeError: If the recipe it is named after is damaged.
    """
    from pneumo_core.recipe import load_recipe, recipe_names

    name = run.recipe["name"]
    if name not in recipe_names():
        return []
    recipe = load_recipe(name)
    given, theirs = dict(run.recipe), dict(_leaves(recipe.to_json()))
    if given.get("title") == f"{recipe.title}{FROM_SCRATCH}":
        del given["title"]  # training adds it itself, where there are no weights again
    changed = {}
    if len(given.get("phases", ())) != len(recipe.phases):
        changed["phases"] = given.pop("phases")  # single fields would leave the others there
    changed |= {
        key: value
        for key, value in _leaves(given)
        if key != "model.variant" and (key not in theirs or theirs[key] != value)
    }
    return [part for key, value in changed.items() for part in ("--set", f"{key}={_yaml(value)}")]


def _yaml(value: Any) -> str:
    """A value as `--set` reads it, bare where that is enough."""
    import yaml

    try:
        bare = isinstance(value, str) and yaml.safe_load(value) == value
    except yaml.YAMLError:
        bare = False
    return value if bare else json.dumps(value, ensure_ascii=False)


def _leaves(content: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that is not a mapping, nor a list of mappings, with its dotted key."""
    if isinstance(content, Mapping):
        items = list(content.items())
    elif isinstance(content, list | tuple) and content and isinstance(content[0], Mapping):
        items = list(enumerate(content))
    else:
        yield key, list(content) if isinstance(content, tuple) else content
        return
    for name, value in items:
        yield from _leaves(value, f"{key}.{name}" if key else str(name))
