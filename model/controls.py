"""What the stack is measured against: the paper's model."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier, StackingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import BernoulliNB
from sklearn.neural_network import MLPClassifier
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from model.plan import Origin
from model.tables import Tables


def fit_paper8(tables: Tables, rows: NDArray[np.bool_]) -> Any:
    """The paper's stack on the paper's inputs, with nothing of ours: no weights, no grafts.

    Its meta-learner is not stated; scikit-learn's default is the logistic regression.
    """
    mine = rows & tables.from_origin(Origin.CORPUS, Origin.INDEX, Origin.LOCAL)
    stack = StackingClassifier(
        [
            ("rf", RandomForestClassifier(n_estimators=12, random_state=0)),
            ("svm", LinearSVC()),
            ("mlp", MLPClassifier(activation="logistic", max_iter=400, random_state=0)),
            ("dt", DecisionTreeClassifier(max_depth=15, random_state=0)),
            ("nb", BernoulliNB()),
        ],
        final_estimator=LogisticRegression(max_iter=1000),
    )
    return stack.fit(tables.paper8[mine], tables.is_positive[mine])
