"""The main job, shown: a town rents more and more bikes, and the project keeps up by itself.

`feed` and `simulator` are the counting station, `traffic` is the application that asks for predictions, `commits` are
two bad days of a developer, `story` plays them against a project that `gradino up` operates, by its public faces.
"""
