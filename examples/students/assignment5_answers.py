"""Written answers of three students: one who answers well, one in key words, one who guesses."""

GOOD = {
    "p1-1-answer-1": """\
Both networks read one character at a time and keep a hidden state. The vanilla RNN replaces its
whole state in every step: $h_t = \\tanh(W_x x_t + W_h h_{t-1} + b)$. If I want to learn that a
character 50 steps ago mattered, the gradient goes back through 50 of those steps and is multiplied
50 times with $W_h$ and with the slope of tanh, which is at most 1. So it usually vanishes (or, with
large weights, explodes), and in the forward direction the old information is overwritten.

A GRU has an *update gate*. It decides for each unit how much of the old state is simply kept:
$h_t = u \\odot h_{t-1} + (1-u) \\odot c$. With $u \\approx 1$ the unit is copied and the gradient
comes back nearly unchanged, so memories can last for many characters. The *reset gate* decides how
much of the past is used for the new candidate $c$, e.g. nothing after the end of a sentence.
""",
    "p1-1-answer-2": """\
1. It can never meet an unknown word, since names and made-up words are spelled with the letters it
   knows. A word model would have to write `<unk>`.
2. The output layer has about 45 entries instead of maybe 30 000 words, so there are far fewer
   weights to learn from one single book, and softmax is cheap.
""",
    "p1-4-1-answer": """\
I ran both cells five times, with the given prompt and with two of my own. The RNN gets short words
right (*the*, *and*, *she had*) but invents many (*thempered*, *sowarded*) and opens quotation marks
that it never closes. The GRU writes mostly real words, spells the names in the book correctly and
sometimes closes the quotation marks; after about one sentence it also forgets what it was talking
about. I expected that: spelling needs a memory of a few letters, which the RNN has, but a quotation
or a phrase is longer, and there the RNN's state has been overwritten while the GRU's gate can hold
it. The GRU also has more units, so part of the difference may just be size.
""",
    "p1-4-2-discussion": """\
**Discussion.** The GRU's perplexity is lower, i.e. it hesitates between fewer characters, which
agrees with the samples. With $m = 10$ both come out slightly higher than with $m = 100$, because
the first characters are predicted with hardly any context; beyond that $m$ makes little difference.
""",
    "p1-4-3-answer": """\
* Train on more books: one novel has most words only a few times, and a model can't learn what it
  has hardly seen.
* A temperature below 1 when sampling: one improbable letter often spoils the word, and then the
  model reads its own nonsense as context.
* An LSTM or attention instead of the plain recurrence, so that something a hundred characters ago
  can still be looked up.
""",
    "p2-1-answer": """\
`wq`, `wk` and `wv` are each 512 x 512. They turn each token's vector into a query (what am I
looking for), a key (what can I be found by) and a value (what I pass on). All 8 heads are packed in
one matrix: after the transpose, columns 64h to 64h+63 belong to head h, so each head works with 64
dimensions. Query times key gives the score of a pair of tokens, softmax turns the scores of a row
into weights, and the weighted sum of the values is the head's output.

`wo`, also 512 x 512, takes the 8 * 64 = 512 numbers of all heads side by side and maps them back
into the model's space, mixing what the heads have found.

`feed_forward.0.weight` is 1024 x 512: it widens each token's vector to 1024 hidden units, ReLU cuts
off the negative ones (that's the missing number 1, it has no weights) and `feed_forward.2.weight`,
512 x 1024, maps back to 512. This happens for each token separately.
""",
    "p2-2b-answer": """\
Yes, it makes sense: the brightest line is the diagonal (each vector with itself gives 128), and the
picture consists of stripes parallel to it, so the similarity depends only on the distance
$i - j$: $\\sin a \\sin b + \\cos a \\cos b = \\cos(a - b)$. It falls off with distance, with some
ripples from the fast waves. The embeddings should tell the model where a token stands, which it
can't know otherwise because attention doesn't care about order. I think they work well for
neighbours, since close positions have similar vectors and every position is different; for large
distances the similarity is almost flat, so far away and very far away are hard to tell apart.
""",
    "p2-12-answer": """\
Greedy text starts well and then repeats itself. At T = 0.3 it is nearly the same as greedy, at 0.8
it's the best mix: different each time, but lines still make sense for some words. At 1.5 it picks
unlikely tokens so often that words fall apart. The model has learned the *look* of a play (speakers
in capitals, line lengths, thou and thy) but no meaning that lasts for more than a line.
Improvements: train on all the plays and on other old texts, use more layers with layer
normalization so that training is stable, and a longer context so that it remembers who is speaking.
""",
}

SHORT = {
    "p1-1-answer-1": "GRU has gates, RNN has vanishing gradients. The gates help to remember.",
    "p1-1-answer-2": "smaller vocabulary, no unknown words",
    "p1-4-1-answer": "The GRU looks better because it has a better memory.",
    "p1-4-3-answer": "more data, bigger model",
    "p2-1-answer": "wq wk wv are 512x512 for query, key, value. wo is the output, 512x512. The\n"
    "feed forward ones are 1024x512 and 512x1024.",
    "p2-2b-answer": "Yes. Near positions are similar. They model the position.",
    "p2-12-answer": "Low temperature repeats, high temperature is random. More layers would help.",
}

GUESSED = {
    "p1-1-answer-1": "A GRU is an RNN that runs on the GPU, so it can be trained for longer.",
    "p1-1-answer-2": "Characters are faster, and there are more of them.",
    "p2-2b-answer": "The heat map shows that words in the middle are the most important.",
}
