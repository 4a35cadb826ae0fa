"""The interpreter: runs a plan over a journal. One file each for a block, a step, an attempt, a loop, a choice."""
