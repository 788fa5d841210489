"""The doors: webhooks, WebSocket routes, command line, settings, security."""
