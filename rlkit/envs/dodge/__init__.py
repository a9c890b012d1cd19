"""Dodge: stay alive in a small zone while balls are thrown at you. Two problems share its physics."""
