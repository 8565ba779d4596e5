"""How own and receiver tokens are joined: one fusion, one file."""
