"""Readers of data sets: one reader, one file.

Contract of a file: `Settings`, all of whose fields have defaults but the place of the data, `path` or `folder`. The
place is `outside`: what the data holds changes a number, where it lies does not. And `read(settings, cache=None)`,
which gives an `experiments.clip.DataSet` of sound clips (`experiments.checks`), or raises a `DataError`. It opens no
video and renders nothing: a clip that cannot be shown raises `BadClip` when its frames are asked for. In the folder
`cache`, if there is one, a reader may keep what takes long to find out.
"""
