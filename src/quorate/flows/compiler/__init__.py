"""From the sections of a flow to its plan: values compiled, edges found, everything that can be known checked."""
