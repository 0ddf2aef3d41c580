"""The elastic tensor of a crystal from stresses of strained cells."""

from equical.workflows.elastic.run import ElasticResult, elastic

__all__ = ["ElasticResult", "elastic"]
