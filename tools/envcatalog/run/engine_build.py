"""Builds under a Docker Engine: what it made is taken out again, normalised, and forgotten by the engine.

`EngineBuilder(cache, progress, blob=...).build(build: DockerBuild, secrets=()) -> BaseImage`: the built image as
`image.docker_image.assemble_docker` takes it: the engine's configuration without traces of the build, and layers
whose blobs are in the local cache (own ones), or stay where they are (those of a base).
"""
