"""Typed read models: what the facade returns, what --json prints, and what tables and pages are rendered from."""
