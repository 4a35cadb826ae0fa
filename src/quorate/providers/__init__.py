"""Models that answer: endpoints at providers, simulated and replayed models; prices and token estimates."""
