"""Fixtures of the tests in this folder."""

from conftest_run import layer_folder, make_image, make_layer, tiny

__all__ = ["layer_folder", "make_image", "make_layer", "tiny"]
