"""The job taken apart: consuming, decoding and windows alone, by everybody, with the physical limits beside them."""
