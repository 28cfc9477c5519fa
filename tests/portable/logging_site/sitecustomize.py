"""Python imports this at its start where the folder is on its path."""

import logging

logging.basicConfig(level=logging.INFO)
