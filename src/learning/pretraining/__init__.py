"""Weights from rendered hands: a network learns where joints are and how they bend, and never sees a sign.

The images are `random_pose` hands of invented people; `src.learning.pretraining.questions` says what is asked of the
network about them. The layers that answer are thrown away; the stages below the head are the result.

Module, datamodule, freezing and trainer are those of every run: every random draw belongs to (seed, epoch, image) and a
checkpoint is left after each epoch, so a run that is stopped and started again ends with the same file as one that was
not.
"""
