"""Plans: members in execution groups, a stop rule, a selector; and the one engine that runs them."""
