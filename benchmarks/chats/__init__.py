"""Chats as people type them: a stand-in made from written-up conversations."""
