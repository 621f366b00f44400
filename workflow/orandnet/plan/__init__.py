"""The plan of a run: which artifacts a config asks for, and what each is made from; reads no file."""
