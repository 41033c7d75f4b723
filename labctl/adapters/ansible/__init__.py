"""Run plays on boxes with ansible-playbook in a separate process."""
