"""Training of the hand finder: pictures with a teacher's joints, hands cut out of them, rendered ones, and rooms.

What the network sees is made on the fly: `src.learning.finding.views` puts a hand somewhere into a square view, or
none. Every random draw belongs to (seed, epoch, view) and a checkpoint is left after each epoch, so a run that is
stopped and started again ends with the same weights as one that was not.
"""
