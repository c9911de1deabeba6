"""How scores come together: the shape of a conversation, its topics, what flows along it, and the
weighted sum.
"""
