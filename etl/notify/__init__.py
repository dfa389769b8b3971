"""Telling people: messages in Vietnamese, and the channels that carry them."""
