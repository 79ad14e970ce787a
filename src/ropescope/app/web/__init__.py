"""The page: every question in a browser, from a local server or with nothing but files and Python in the browser itself."""
