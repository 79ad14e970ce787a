"""What the faces share that answer over HTTP: a socket, who may talk to it, and a server that starts and ends cleanly."""
