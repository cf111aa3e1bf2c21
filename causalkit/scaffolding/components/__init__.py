"""A small working component of each kind, which `causalkit plugins new` copies: so they are tested like any other."""
