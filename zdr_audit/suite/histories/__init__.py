"""One model, many histories: Hypothesis draws sequences of administration and use, and a pure model says what each step must bring."""
