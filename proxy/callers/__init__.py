"""Who may call, what each may use, and how much each has used."""
