"""The views of the accounts API, one module for each group of routes."""
