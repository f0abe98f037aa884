"""The commands of the original log generator under the names that people know: `./sl.py logs` and `./sl.py serve`."""
