"""Settings: read, checked as a whole, frozen. Knows pydantic and YAML, and nothing of the agent."""
