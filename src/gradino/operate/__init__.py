"""The level-4 system, in the order of the data.

project → store → data → registry → training → serving → release → monitoring → retraining → lineage → incidents
→ loop → replay. A room may use the rooms before it and the `inference` ground, never one after it; `loop` moves all of
them. What lasts is a row in the store; every step can be done twice without harm.
"""
