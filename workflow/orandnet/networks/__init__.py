"""What networks of several stages share: devices, backbones, WideResNet-38."""
