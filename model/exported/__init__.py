"""The exported model: safe_pip.onnx and manifest.json, shipped as package data."""
