"""The main job, shown: a town rents more and more bikes, and the project keeps up by itself.

`feed` and `simulator` are the counting station, `commits` are two bad days of a developer, `story` plays them and the
town's requests against a project that `gradino up` operates, from the `outside`.
"""
