"""The OpenAI wire: requests, responses, stream chunks, server-sent events, error bodies."""
