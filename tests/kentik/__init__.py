"""A stand-in for Kentik on a real socket."""
