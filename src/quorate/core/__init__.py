"""The ground everything stands on: errors, time, ids, units, secrets, the outbound gate. Standard library only."""
