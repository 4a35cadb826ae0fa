"""Work on plain data that executors share: paths into it, combining it, writing it down. No step is run here."""
