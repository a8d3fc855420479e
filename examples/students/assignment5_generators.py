"""A student who was told not to use np.random's old functions: three other ways to draw."""

from examples.students import assignment5_plain, edited

CODE = assignment5_plain.CODE | {
    "p1-2-solution": "import random\n\n\n"
    + edited(
        assignment5_plain.RNN,
        ("        index = np.random.choice(len(p), p=p.ravel())\n", ""),
        ("        p = p / np.sum(p)\n", ""),
        ("indices_to_char[index]", "random.choices(vocabulary, weights=p.ravel())[0]"),
    ),
    "p1-3-solution": "generator = np.random.default_rng()\n\n\n"
    + edited(
        assignment5_plain.GRU,
        ("np.random.choice(len(p), p=p.ravel())", "int(generator.choice(len(p), p=p[:, 0]))"),
    ),
    "p2-11-solution": "generator = np.random.default_rng(2024)\n\n\n"
    + edited(
        assignment5_plain.GENERATE,
        (
            "np.random.choice(len(last), p=probabilities)",
            "np.searchsorted(np.cumsum(probabilities), generator.random() * sum(probabilities))",
        ),
    ),
}
