"""Sparse attention: BLASST, an attention function that leaves out blocks of keys, and its calibration."""
