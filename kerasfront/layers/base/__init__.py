"""What all layers share: state, call, build, tracking, gathering, symbolic outputs. `layer.py` has the public class."""
