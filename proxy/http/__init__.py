"""What HTTP says: headers, bodies, usage, refusals; no decision is made here."""
