"""From a layer's plan to the entries of its tar."""

from __future__ import annotations

from envcatalog.image import debs, files_layer, root, skeleton, spark, wheels
from envcatalog.image.bytecode import Compiler
from envcatalog.image.conda import layer as conda
from envcatalog.image.tar import TarWriter
from envcatalog.model.plan import LayerPlan
from envcatalog.model.seams import Artefacts


def write_layer(layer: LayerPlan, artefacts: Artefacts, compiler: Compiler, tar: TarWriter) -> None:
    """Write the contents of one layer; the caller closes the tar.

    Args:
        compiler: of the layer's interpreter; not used, and so not started, where nothing is compiled.

    Raises:
        Refusal: an artefact is damaged or hostile, two claim one path, or no interpreter to compile can be had.
    """
    if layer.kind == "root":
        root.write(tar)
    elif layer.kind == "environment":
        skeleton.write(layer, tar)
    elif layer.kind == "debs":
        debs.write(layer, artefacts, compiler, tar)
    elif layer.kind == "conda":
        conda.write(layer, artefacts, compiler, tar)
    elif layer.kind == "files":
        files_layer.write(layer, artefacts, tar)
    elif layer.kind == "spark":
        spark.write(layer, artefacts, compiler, tar)
    elif layer.kind == "jars":
        spark.write_jars(layer, artefacts, tar)
    else:
        wheels.write(layer, artefacts, compiler, tar)
