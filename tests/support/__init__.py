"""What the test rooms share: a warehouse per test, readings made on the spot, a walker of captured bytes."""
