"""Three models on real flights, served over HTTP and watched through the public helpers alone."""
