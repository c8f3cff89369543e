"""The processes of an installation, each as a command of its own."""
