"""How a model gets here, and stays: found, fetched without ever beginning anew, stored, checked, repaired.

origin, hub     what a person names -> the files of a model, with what is known about them
transfer        a URL as one body that outlives its connections
journal, kept   a stored file and what is known of it; a body that gives what is stored, and stores the rest
shelf           all stored models
delivery        one model from its origin, whatever is stored already
"""
