"""The ground: image sets, networks, views, protocols, training and the run store."""
