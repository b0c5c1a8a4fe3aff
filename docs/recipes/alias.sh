# For ~/.bashrc or ~/.zshrc. Every argument after the verb keeps its meaning, and verbs that install
# nothing go straight to pip. Scripts, and `python -m pip`, do not see an alias.
alias pip='safe-pip'
alias pip3='safe-pip'
