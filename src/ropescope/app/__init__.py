"""The faces: command line, page, and a server for agents. They ask, they show, they compute nothing."""
