"""The demo: an invented energy supplier's assistant, its training data and its traffic."""
