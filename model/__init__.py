"""The training side: from corpora to the exported model. Never imported by safe_pip."""
