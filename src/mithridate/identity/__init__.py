"""Who speaks: signing keys, signed statements, the enrolment list and its memory. Knows no models and no Flower."""
