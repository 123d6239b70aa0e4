"""What wengert writes for other programs: event files for TensorBoard, ONNX models."""
