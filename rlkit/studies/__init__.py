"""What the notebooks compute beyond one run: studies made of many trainings and measurements."""
