"""Files people hand in: guarded, recognised by what they hold, read apart, answered with a receipt."""
