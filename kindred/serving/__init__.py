"""The service: answers over HTTP, from memory and the published vectors."""
