import nox


@nox.session
def tests(session: nox.Session) -> None:
    # In place of session.install(); what is active is the environment of the session.
    safe_pip = ("safe-pip", "--unattended", "install")
    session.run(*safe_pip, "-r", "requirements.txt", external=True)
    session.run("python", "-m", "unittest")
