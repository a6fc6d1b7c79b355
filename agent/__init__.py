"""The service: reads traffic, embeds it, scores it, keeps count, and tells Prometheus."""
