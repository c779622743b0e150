"""The data set of a recipe, downloaded first where it is absent and may be."""

from pathlib import Path

from pneumo_core import datasets
from pneumo_core.datasets import Dataset
from pneumo_core.errors import DataError
from pneumo_core.recipe import Recipe


def found_or_downloaded(recipe: Recipe, data: str | None, download: bool = False) -> Dataset:
    """Find a recipe's data set, or download it, which is said on standard output; and load it.

    Args:
        recipe: Its data set and split.
        data: The data set or a folder that holds it; None for the usual folders.
        download: Whether Kaggle's may be downloaded; MedMNIST's, a small file, always is where
            `data` is None.

    Raises:
        DataError: If it is absent and not downloaded, damaged, or the download fails.
    """
    try:
        datasets.find_dataset(recipe.data, data)
    except DataError:
        if recipe.data == "chest_xray" and download:
            from pneumo_core.kaggle import download_chest_xray

            folder = Path(data).expanduser() if data else datasets.data_folders()[0]
            print(f"Downloading chest_xray from Kaggle into {folder}, 1.2 GB.", flush=True)
            download_chest_xray(folder)
        elif data or recipe.data == "chest_xray":
            raise
        else:
            _download_from_medmnist(recipe.data)
    return datasets.load_dataset(recipe.data, data, recipe.split)


def _download_from_medmnist(name: str) -> None:
    from tqdm import tqdm

    print(f"{name} is not on this machine: downloading it from MedMNIST.")
    shown = "{l_bar}{bar}| {remaining} left"
    with tqdm(total=100, unit="%", bar_format=shown, disable=None) as bar:
        datasets.download_dataset(name, lambda share: bar.update(round(100 * share) - bar.n))
