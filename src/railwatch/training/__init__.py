"""How the detector's model is made: rendered (and, where there are any, real) strips, fits and calibration."""
