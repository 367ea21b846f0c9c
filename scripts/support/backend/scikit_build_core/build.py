"""Stands in for the build tools of the source packages that we only take files from.

pip asks a source package for its metadata before it hands the file over. With this module on the path the answer comes
from here: nothing of the package runs, and none of its build requirements is fetched.
"""

import os
import re


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    with open("PKG-INFO", encoding="utf-8") as file:
        text = file.read()
    name, version = (re.search(rf"^{field}: (\S+)$", text, re.M).group(1) for field in ("Name", "Version"))
    folder = f"{name.replace('-', '_')}-{version}.dist-info"
    os.makedirs(os.path.join(metadata_directory, folder))
    with open(os.path.join(metadata_directory, folder, "METADATA"), "w", encoding="utf-8") as file:
        file.write(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return folder
