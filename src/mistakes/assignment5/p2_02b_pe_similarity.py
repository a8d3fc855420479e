"""pe_similarity, a matrix. Most answers leave the heat map out: it decides nothing."""

from mistakes.assignment5.shared import transformer_styles
from mistakes.entries import Cell, HeldBack, Mistake, Right

_PE = "pe = get_sinusoidal_positional_embeddings(128, 256)\n"

CELL = Cell(
    id="p2-2b-solution",
    functions=("pe_similarity",),
    where="problem 2.2b",
    right=f"""\
{_PE}
pe_similarity = pe @ pe.T  # (128, 128)
""",
    rights=(
        Right(
            "loop",
            "pair by pair, in lists, with the heat map",
            f"""\
{_PE}
pe_similarity = []
for one in pe:
    pe_similarity.append([float(sum(one * other)) for other in pe])

sns.heatmap(pe_similarity)
plt.title("Similarity structure of sinusoidal positional embeddings")
plt.show()
""",
        ),
        Right(
            "einsum",
            "einsum over the columns",
            f"""\
{_PE}
pe_similarity = np.einsum("ik,jk->ij", pe, pe)
""",
        ),
        Right(
            "float32",
            "in single precision",
            f"""\
{_PE}
pe = pe.astype(np.float32)
pe_similarity = np.inner(pe, pe)
""",
        ),
        Right(
            "cosines",
            "the addition theorem: cosines of distances",
            f"""\
{_PE}
i = np.arange(128)
waves = 10000.0 ** (-2 * np.arange(128) / 256)
pe_similarity = np.cos((i[:, None, None] - i[None, :, None]) * waves).sum(axis=-1)
""",
        ),
        Right(
            "symmetric",
            "half of the pairs, mirrored",
            f"""\
{_PE}
pe_similarity = np.zeros((len(pe), len(pe)))
for i in range(len(pe)):
    for j in range(i + 1):
        pe_similarity[i, j] = pe_similarity[j, i] = np.dot(pe[i], pe[j])
""",
        ),
        Right(
            "correlation",
            "np.correlate of every row with every row",
            f"""\
{_PE}
def product(i, j):
    return np.correlate(pe[i], pe[j])[0]


pe_similarity = np.vectorize(product)(*np.indices((128, 128)))
""",
        ),
    ),
    mistakes=(
        Mistake(
            "pe-columns",
            about="inner products of columns",
            nudge="How many positions are there, and what is the shape of your matrix?",
            hint="Your matrix is (256, 256): it compares the columns of pe, that is the waves. The "
            "rows are the positions, so the transposed factor has to come second.",
            edits=(("pe @ pe.T", "pe.T @ pe"),),
        ),
        Mistake(
            "pe-elementwise",
            about="squares of the entries",
            nudge="An inner product of two vectors is one number. What are your entries?",
            hint="You multiply pe with itself entry by entry. An inner product also sums over the "
            "columns, for each pair of rows.",
            edits=(("pe @ pe.T", "pe * pe"),),
        ),
        Mistake(
            "pe-lengths-only",
            about="each position with itself only",
            nudge="Which pairs of positions does your result hold?",
            hint="You compare each position with itself. All pairs are asked for, a matrix of 128 "
            "by 128.",
            edits=(("pe @ pe.T", "np.sum(pe * pe, axis=1)"),),
        ),
        Mistake(
            "pe-cosine",
            about="cosine similarity: divided by the lengths",
            nudge="What is the inner product of a position with itself?",
            hint="Your diagonal is 1: you divided by the vectors' lengths. The plain inner "
            "product is asked for; its diagonal is the squared length, 128.",
            edits=(
                (
                    "pe @ pe.T",
                    "pe @ pe.T / np.outer(np.linalg.norm(pe, axis=1), np.linalg.norm(pe, axis=1))",
                ),
            ),
        ),
        Mistake(
            "pe-distances",
            about="distances instead of inner products",
            nudge="What is the inner product of a position with itself?",
            hint="Your diagonal is 0: these are distances between the vectors. Inner products are "
            "largest on the diagonal.",
            edits=(("pe @ pe.T", "np.linalg.norm(pe[:, None] - pe, axis=-1)"),),
        ),
        Mistake(
            "pe-scaled",
            about="divided by the root of the width, as attention does",
            nudge="Compare the first entry with the number of columns.",
            hint="Your values are the right ones divided by the root of the dimension. That "
            "belongs to attention; here the plain inner product is asked for.",
            edits=(("pe @ pe.T", "pe @ pe.T / np.sqrt(pe.shape[1])"),),
        ),
        Mistake(
            "pe-softmax",
            about="a softmax over each row",
            nudge="What do the rows of your matrix sum to, and should they?",
            hint="Your rows sum to 1, as attention weights do. Leave the exponentials out: "
            "the inner products themselves are asked for.",
            edits=(
                (
                    "pe @ pe.T",
                    "np.exp(pe @ pe.T - 128) / np.exp(pe @ pe.T - 128).sum(axis=1, keepdims=True)",
                ),
            ),
        ),
        Mistake(
            "pe-swapped",
            about="256 positions of width 128",
            nudge="In which order does the given function take its arguments?",
            hint="You made 256 positions of 128 numbers each. The sequence's length comes first, "
            "the width second, as in the line that was given.",
            edits=(("(128, 256)", "(256, 128)"),),
        ),
        Mistake(
            "pe-sines-only",
            about="the first half of the columns, the sines",
            nudge="How many columns of pe does your product use?",
            hint="Your first entry is 0: only sines went into it, which are 0 at position 0. The "
            "cosines are part of the vectors, too.",
            edits=(("pe @ pe.T", "pe[:, :128] @ pe[:, :128].T"),),
        ),
        Mistake(
            "pe-correlation",
            about="correlation coefficients",
            nudge="What is the inner product of a position with itself?",
            hint="You computed correlations: means are subtracted, and the diagonal is 1. An inner "
            "product does neither.",
            edits=(("pe @ pe.T", "np.corrcoef(pe)"),),
        ),
        Mistake(
            "pe-covariance",
            about="covariances of the rows",
            nudge="Is anything subtracted before you multiply?",
            hint="You subtract each row's mean and divide by the number of columns: these are "
            "covariances. The inner product does neither.",
            edits=(("pe @ pe.T", "np.cov(pe)"),),
        ),
        Mistake(
            "pe-triangle",
            about="only pairs with j up to i",
            nudge="Should the similarity of i and j depend on which one comes first?",
            hint="Above the diagonal your matrix is 0. The similarity of i and j is that of j and "
            "i: nothing is masked here.",
            edits=(("pe @ pe.T", "np.tril(pe @ pe.T)"),),
        ),
        Mistake(
            "pe-twice-the-step",
            about="every second position",
            nudge="Which positions do your rows belong to?",
            hint="Your rows are positions 0, 2, 4 and so on. Take all from 0 to 127.",
            edits=(("(128, 256)", "(256, 256)[::2]"),),
        ),
        Mistake(
            "pe-printed",
            about="the one value that the test shows, on the diagonal, and a decay made up",
            nudge="Where do the values off the diagonal come from?",
            hint="The values are made up, all but the diagonal. Compute them from pe.",
            code=f"""\
{_PE}
distance = np.abs(np.arange(128)[:, None] - np.arange(128))
pe_similarity = 128 * np.exp(-distance / 30)
""",
            cheat=True,
        ),
        Mistake(
            "pe-narrow",
            about="128 columns instead of 256",
            nudge="How wide are the positional embeddings that the cell makes?",
            hint=(
                "Your embeddings are 128 wide, and 256 is asked for: 128 positions, of 256 "
                "numbers each. Leave the first line as it is given."
            ),
            fails=("p2-2b-test",),
            edits=(("(128, 256)", "(128, 128)"),),
        ),
        Mistake(
            "pe-minus-distances",
            about="distances with a minus instead of inner products",
            nudge="What is an inner product of two rows?",
            hint=(
                "You return distances, with a minus sign. Similarity is meant as inner "
                "products here: of all pairs of rows at once, that is pe @ pe.T."
            ),
            fails=("p2-2b-test",),
            edits=(("pe @ pe.T", "-np.linalg.norm(pe[:, None] - pe, axis=-1)"),),
        ),
        Mistake(
            "pe-columns-cut",
            about="inner products of columns, cut to the right shape",
            nudge="Are your products those of rows or of columns?",
            hint=(
                "You multiply columns, and cut the result to 128 by 128. A position is a "
                "row: pe @ pe.T multiplies rows, and has the right shape."
            ),
            fails=("p2-2b-test",),
            edits=(("pe @ pe.T", "(pe.T @ pe)[:128, :128]"),),
        ),
    ),
    held_back=(
        HeldBack(
            "columns by einsum",
            ("pe-columns",),
            f"""\
{_PE}
pe_similarity = np.einsum("ki,kj->ij", pe, pe)
""",
        ),
        HeldBack(
            "unit vectors first",
            ("pe-cosine",),
            f"""\
{_PE}
units = [row / np.sqrt(row @ row) for row in pe]
pe_similarity = np.array([[a @ b for a in units] for b in units])
""",
        ),
        HeldBack(
            "squared distances",
            (),
            f"""\
{_PE}
pe_similarity = ((pe[:, None] - pe[None]) ** 2).sum(axis=2)
""",
        ),
        *transformer_styles.WRONG["pe_similarity"],
    ),
    rights_held_back=transformer_styles.RIGHTS["pe_similarity"],
)
