"""Every question for agents, by the Model Context Protocol: tools and resources that are made from the registry."""
