"""Operations with derivatives written by hand, because those that torch would find are slower or larger."""
