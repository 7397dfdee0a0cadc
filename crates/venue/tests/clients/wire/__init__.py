"""Clients of the fast protocols, from their documents alone: itch.md, ouch.md, binary.md, flatbuffers.md."""
