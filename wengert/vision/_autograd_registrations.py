"""torchvision._autograd_registrations: there is no dispatcher on which it could have an effect."""
