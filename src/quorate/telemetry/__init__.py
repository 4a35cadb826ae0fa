"""What operators watch: metrics, traces, logs; each of them optional."""
