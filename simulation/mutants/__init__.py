"""Classic faults, planted into the production code of this process: each must be found, or the generator has a hole."""
