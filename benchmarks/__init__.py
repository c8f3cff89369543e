"""The one harness that measures this project beside its peers: `python -m benchmarks`."""
