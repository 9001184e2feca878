"""Known wrong answers to the exercises of `fusion`, and the message that each must be met with.

Each stands in for the reference answer in `solutions/fusion.py`, so that it may use `np` and the other functions of
that module. `caught_by` is a part of the message of the first graded test that fails.
"""

import numpy as np

from mmlearn.course.mutants import mutant

# --- early_fusion ---------------------------------------------------------------------------------------------------


@mutant("early_fusion", caught_by="the modalities were not scaled")
def plain_concatenation(image_embeddings, text_embeddings):
    return np.concatenate([image_embeddings, text_embeddings], axis=1)


@mutant("early_fusion", caught_by="scaled after they had been joined")
def scaled_after_joining(image_embeddings, text_embeddings):
    joined = np.concatenate([image_embeddings, text_embeddings], axis=1)
    return joined / np.maximum(np.linalg.norm(joined, axis=1, keepdims=True), 1e-12)


@mutant("early_fusion", caught_by="the text stands before the image")
def text_first(image_embeddings, text_embeddings):
    parts = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (text_embeddings, image_embeddings)]
    return np.concatenate(parts, axis=1)


@mutant("early_fusion", caught_by="columns were scaled")
def columns_scaled(image_embeddings, text_embeddings):
    parts = [x / np.linalg.norm(x, axis=0, keepdims=True) for x in (image_embeddings, text_embeddings)]
    return np.concatenate(parts, axis=1)


@mutant("early_fusion", caught_by="each column was standardised")
def standardised(image_embeddings, text_embeddings):
    parts = [(x - x.mean(axis=0)) / x.std(axis=0) for x in (image_embeddings, text_embeddings)]
    return np.concatenate(parts, axis=1)


@mutant("early_fusion", caught_by="divided by its length 0")
def zero_rows_become_nan(image_embeddings, text_embeddings):
    parts = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (image_embeddings, text_embeddings)]
    return np.concatenate(parts, axis=1)


@mutant("early_fusion", caught_by="raise ValueError if the numbers of rows differ")
def one_row_repeated(image_embeddings, text_embeddings):
    rows = max(len(image_embeddings), len(text_embeddings))
    parts = []
    for x in (image_embeddings, text_embeddings):
        x = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
        parts.append(np.resize(x, (rows, x.shape[1])))
    return np.concatenate(parts, axis=1)


@mutant("early_fusion", caught_by="the dtype of the input must be kept")
def early_in_float64(image_embeddings, text_embeddings):
    if len(image_embeddings) != len(text_embeddings):
        raise ValueError
    parts = []
    for x in (image_embeddings.astype(float), text_embeddings.astype(float)):
        parts.append(x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12))
    return np.concatenate(parts, axis=1)


# --- late_fusion ----------------------------------------------------------------------------------------------------


@mutant("late_fusion", caught_by="the mixture was not normalised")
def not_normalised(image_logits, text_logits, weight=0.5):
    def log_softmax(x):
        x = x - x.max(axis=1, keepdims=True)
        return x - np.log(np.exp(x).sum(axis=1, keepdims=True))

    return weight * log_softmax(image_logits) + (1 - weight) * log_softmax(text_logits)


@mutant("late_fusion", caught_by="logits were mixed and not normalised")
def mixed_logits(image_logits, text_logits, weight=0.5):
    return weight * image_logits + (1 - weight) * text_logits


@mutant("late_fusion", caught_by="probabilities were averaged")
def arithmetic_mean(image_logits, text_logits, weight=0.5):
    def softmax(x):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    return np.log(weight * softmax(image_logits) + (1 - weight) * softmax(text_logits))


@mutant("late_fusion", caught_by="return their logarithms")
def probabilities_back(image_logits, text_logits, weight=0.5):
    mixed = weight * image_logits + (1 - weight) * text_logits
    e = np.exp(mixed - mixed.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@mutant("late_fusion", caught_by="the weight went to the text")
def weight_of_the_text(image_logits, text_logits, weight=0.5):
    mixed = weight * text_logits + (1 - weight) * image_logits
    mixed = mixed - mixed.max(axis=1, keepdims=True)
    return mixed - np.log(np.exp(mixed).sum(axis=1, keepdims=True))


@mutant("late_fusion", caught_by="both were added with weights of 1")
def product_of_experts(image_logits, text_logits, weight=0.5):
    mixed = image_logits + text_logits
    mixed = mixed - mixed.max(axis=1, keepdims=True)
    return mixed - np.log(np.exp(mixed).sum(axis=1, keepdims=True))


@mutant("late_fusion", caught_by="normalised down the columns")
def down_the_columns(image_logits, text_logits, weight=0.5):
    mixed = weight * image_logits + (1 - weight) * text_logits
    mixed = mixed - mixed.max(axis=0)
    return mixed - np.log(np.exp(mixed).sum(axis=0))


@mutant("late_fusion", caught_by="exp of a large logit overflows")
def overflows(image_logits, text_logits, weight=0.5):
    mixed = weight * image_logits + (1 - weight) * text_logits
    return mixed - np.log(np.exp(mixed).sum(axis=1, keepdims=True))


@mutant("late_fusion", caught_by="log of a probability that became 0 is infinite")
def logs_of_probabilities(image_logits, text_logits, weight=0.5):
    def log_softmax(x):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        return np.log(e / e.sum(axis=1, keepdims=True))

    mixed = weight * log_softmax(image_logits) + (1 - weight) * log_softmax(text_logits)
    return log_softmax(mixed)


@mutant("late_fusion", caught_by="raise ValueError")
def any_weight(image_logits, text_logits, weight=0.5):
    mixed = weight * image_logits + (1 - weight) * text_logits
    mixed = mixed - mixed.max(axis=1, keepdims=True)
    return mixed - np.log(np.exp(mixed).sum(axis=1, keepdims=True))


# --- gated_fusion ---------------------------------------------------------------------------------------------------


@mutant("gated_fusion", caught_by="the gate went to the text")
def gate_of_the_text(image_embeddings, text_embeddings, image_weights, text_weights, gate_weights):
    both = np.concatenate([image_embeddings, text_embeddings], axis=1)
    gate = 1 / (1 + np.exp(-both @ gate_weights))
    h_image, h_text = np.tanh(image_embeddings @ image_weights), np.tanh(text_embeddings @ text_weights)
    return gate * h_text + (1 - gate) * h_image, gate


@mutant("gated_fusion", caught_by="the text is not gated")
def only_the_image_gated(image_embeddings, text_embeddings, image_weights, text_weights, gate_weights):
    both = np.concatenate([image_embeddings, text_embeddings], axis=1)
    gate = 1 / (1 + np.exp(-both @ gate_weights))
    return gate * np.tanh(image_embeddings @ image_weights) + np.tanh(text_embeddings @ text_weights), gate


@mutant("gated_fusion", caught_by="the tanh is missing")
def no_tanh(image_embeddings, text_embeddings, image_weights, text_weights, gate_weights):
    both = np.concatenate([image_embeddings, text_embeddings], axis=1)
    gate = 1 / (1 + np.exp(-both @ gate_weights))
    return gate * (image_embeddings @ image_weights) + (1 - gate) * (text_embeddings @ text_weights), gate


@mutant("gated_fusion", caught_by="the gate saw the text before the image")
def gate_sees_text_first(image_embeddings, text_embeddings, image_weights, text_weights, gate_weights):
    both = np.concatenate([text_embeddings, image_embeddings], axis=1)
    gate = 1 / (1 + np.exp(-both @ gate_weights))
    h_image, h_text = np.tanh(image_embeddings @ image_weights), np.tanh(text_embeddings @ text_weights)
    return gate * h_image + (1 - gate) * h_text, gate


@mutant("gated_fusion", caught_by="the gate went through a softmax")
def softmax_gate(image_embeddings, text_embeddings, image_weights, text_weights, gate_weights):
    both = np.concatenate([image_embeddings, text_embeddings], axis=1)
    gate = np.exp(both @ gate_weights)
    gate = gate / gate.sum(axis=1, keepdims=True)
    h_image, h_text = np.tanh(image_embeddings @ image_weights), np.tanh(text_embeddings @ text_weights)
    return gate * h_image + (1 - gate) * h_text, gate


@mutant("gated_fusion", caught_by="only one array came back")
def gate_forgotten(image_embeddings, text_embeddings, image_weights, text_weights, gate_weights):
    both = np.concatenate([image_embeddings, text_embeddings], axis=1)
    gate = 1 / (1 + np.exp(-both @ gate_weights))
    h_image, h_text = np.tanh(image_embeddings @ image_weights), np.tanh(text_embeddings @ text_weights)
    return gate * h_image + (1 - gate) * h_text


@mutant("gated_fusion", caught_by="write the sigmoid as (1 + tanh(x / 2)) / 2")
def overflowing_sigmoid(image_embeddings, text_embeddings, image_weights, text_weights, gate_weights):
    both = np.concatenate([image_embeddings, text_embeddings], axis=1)
    gate = np.exp(both @ gate_weights) / (1 + np.exp(both @ gate_weights))
    h_image, h_text = np.tanh(image_embeddings @ image_weights), np.tanh(text_embeddings @ text_weights)
    return gate * h_image + (1 - gate) * h_text, gate


# --- film -----------------------------------------------------------------------------------------------------------


@mutant("film", caught_by="the 1 of gamma is missing")
def gamma_from_zero(image_features, text_embeddings, gamma_weights, beta_weights):
    shape = (len(text_embeddings), *[1] * (image_features.ndim - 2), gamma_weights.shape[1])
    gamma, beta = (text_embeddings @ gamma_weights).reshape(shape), (text_embeddings @ beta_weights).reshape(shape)
    return gamma * image_features + beta


@mutant("film", caught_by="gamma and beta are exchanged")
def exchanged(image_features, text_embeddings, gamma_weights, beta_weights):
    shape = (len(text_embeddings), *[1] * (image_features.ndim - 2), gamma_weights.shape[1])
    gamma, beta = (text_embeddings @ beta_weights).reshape(shape), (text_embeddings @ gamma_weights).reshape(shape)
    return (1 + gamma) * image_features + beta


@mutant("film", caught_by="beta is missing")
def scale_only(image_features, text_embeddings, gamma_weights, beta_weights):
    shape = (len(text_embeddings), *[1] * (image_features.ndim - 2), gamma_weights.shape[1])
    return (1 + text_embeddings @ gamma_weights).reshape(shape) * image_features


@mutant("film", caught_by="the shift was added before the scaling")
def shift_first(image_features, text_embeddings, gamma_weights, beta_weights):
    shape = (len(text_embeddings), *[1] * (image_features.ndim - 2), gamma_weights.shape[1])
    gamma, beta = (text_embeddings @ gamma_weights).reshape(shape), (text_embeddings @ beta_weights).reshape(shape)
    return (1 + gamma) * (image_features + beta)


@mutant("film", caught_by="beta was given a 1 as well")
def beta_from_one(image_features, text_embeddings, gamma_weights, beta_weights):
    shape = (len(text_embeddings), *[1] * (image_features.ndim - 2), gamma_weights.shape[1])
    gamma, beta = (text_embeddings @ gamma_weights).reshape(shape), (text_embeddings @ beta_weights).reshape(shape)
    return (1 + gamma) * image_features + 1 + beta


@mutant("film", caught_by="one gamma came out for the whole batch")
def one_gamma_for_all(image_features, text_embeddings, gamma_weights, beta_weights):
    text = text_embeddings.mean(axis=0)
    return (1 + text @ gamma_weights) * image_features + text @ beta_weights


@mutant("film", caught_by="channels were taken from the second axis; they come last")
def channels_from_the_second_axis(image_features, text_embeddings, gamma_weights, beta_weights):
    gamma, beta = 1 + text_embeddings @ gamma_weights, text_embeddings @ beta_weights
    if image_features.ndim == 4 and image_features.shape[1] == gamma.shape[1]:
        return gamma[:, :, None, None] * image_features + beta[:, :, None, None]
    if image_features.ndim == 4:
        gamma, beta = gamma[:, None, None], beta[:, None, None]
    return gamma * image_features + beta


# --- low_rank_bilinear ----------------------------------------------------------------------------------------------


@mutant("low_rank_bilinear", caught_by="the two projections were added")
def added(image_embeddings, text_embeddings, image_weights, text_weights, output_weights):
    return (image_embeddings @ image_weights + text_embeddings @ text_weights) @ output_weights


@mutant("low_rank_bilinear", caught_by="the last projection is missing")
def not_projected(image_embeddings, text_embeddings, image_weights, text_weights, output_weights):
    return (image_embeddings @ image_weights) * (text_embeddings @ text_weights)


@mutant("low_rank_bilinear", caught_by="the paper's tanh was added")
def with_tanh(image_embeddings, text_embeddings, image_weights, text_weights, output_weights):
    return (np.tanh(image_embeddings @ image_weights) * np.tanh(text_embeddings @ text_weights)) @ output_weights


@mutant("low_rank_bilinear", caught_by="the products were summed before the last projection")
def summed_too_early(image_embeddings, text_embeddings, image_weights, text_weights, output_weights):
    products = (image_embeddings @ image_weights) * (text_embeddings @ text_weights)
    return products.sum(axis=1, keepdims=True) * output_weights.sum(axis=0)


@mutant("low_rank_bilinear", caught_by="each projection was projected on before the product")
def projected_before_the_product(image_embeddings, text_embeddings, image_weights, text_weights, output_weights):
    image = image_embeddings @ image_weights @ output_weights
    return image * (text_embeddings @ text_weights @ output_weights)


@mutant("low_rank_bilinear", caught_by="the dtype of the input must be kept")
def bilinear_in_float64(image_embeddings, text_embeddings, image_weights, text_weights, output_weights):
    products = (image_embeddings.astype(float) @ image_weights) * (text_embeddings @ text_weights)
    return products @ output_weights


# --- tensor_fusion --------------------------------------------------------------------------------------------------


@mutant("tensor_fusion", caught_by="the 1s are missing")
def no_ones(image_embeddings, text_embeddings):
    return (image_embeddings[:, :, None] * text_embeddings[:, None, :]).reshape(len(image_embeddings), -1)


@mutant("tensor_fusion", caught_by="the outer product was not flattened")
def not_flattened(image_embeddings, text_embeddings):
    x = np.concatenate([image_embeddings, np.ones_like(image_embeddings[:, :1])], axis=1)
    t = np.concatenate([text_embeddings, np.ones_like(text_embeddings[:, :1])], axis=1)
    return x[:, :, None] * t[:, None, :]


@mutant("tensor_fusion", caught_by="the 1 stands first")
def ones_first(image_embeddings, text_embeddings):
    x = np.concatenate([np.ones_like(image_embeddings[:, :1]), image_embeddings], axis=1)
    t = np.concatenate([np.ones_like(text_embeddings[:, :1]), text_embeddings], axis=1)
    return (x[:, :, None] * t[:, None, :]).reshape(len(x), -1)


@mutant("tensor_fusion", caught_by="the text runs slowest")
def text_slowest(image_embeddings, text_embeddings):
    x = np.concatenate([image_embeddings, np.ones_like(image_embeddings[:, :1])], axis=1)
    t = np.concatenate([text_embeddings, np.ones_like(text_embeddings[:, :1])], axis=1)
    return (t[:, :, None] * x[:, None, :]).reshape(len(x), -1)


@mutant("tensor_fusion", caught_by="take all products of the two")
def joined_only(image_embeddings, text_embeddings):
    ones = np.ones_like(image_embeddings[:, :1])
    return np.concatenate([image_embeddings, ones, text_embeddings, ones], axis=1)


@mutant("tensor_fusion", caught_by="raise ValueError if the numbers of rows differ")
def broadcasts(image_embeddings, text_embeddings):
    x = np.concatenate([image_embeddings, np.ones_like(image_embeddings[:, :1])], axis=1)
    t = np.concatenate([text_embeddings, np.ones_like(text_embeddings[:, :1])], axis=1)
    product = x[:, :, None] * t[:, None, :]
    return product.reshape(len(product), x.shape[1] * t.shape[1])


@mutant("tensor_fusion", caught_by="the dtype of the input must be kept")
def float64_ones(image_embeddings, text_embeddings):
    if len(image_embeddings) != len(text_embeddings):
        raise ValueError
    ones = np.ones((len(image_embeddings), 1))
    x, t = np.concatenate([image_embeddings, ones], axis=1), np.concatenate([text_embeddings, ones], axis=1)
    return (x[:, :, None] * t[:, None, :]).reshape(len(x), x.shape[1] * t.shape[1])


# --- modality_dropout -----------------------------------------------------------------------------------------------


@mutant("modality_dropout", caught_by="image and text were dropped independently")
def both_may_go(image_embeddings, text_embeddings, rate, rng):
    rng = np.random.default_rng(rng)
    keep_image = rng.random((len(image_embeddings), 1)) >= rate / 2
    keep_text = rng.random((len(text_embeddings), 1)) >= rate / 2
    return image_embeddings * keep_image / (1 - rate / 2), text_embeddings * keep_text / (1 - rate / 2)


@mutant("modality_dropout", caught_by="single numbers were dropped")
def ordinary_dropout(image_embeddings, text_embeddings, rate, rng):
    rng = np.random.default_rng(rng)
    keep_image = rng.random(image_embeddings.shape) >= rate / 2
    keep_text = rng.random(text_embeddings.shape) >= rate / 2
    return image_embeddings * keep_image / (1 - rate / 2), text_embeddings * keep_text / (1 - rate / 2)


@mutant("modality_dropout", caught_by="one draw was made for the whole batch")
def one_draw_a_batch(image_embeddings, text_embeddings, rate, rng):
    u = np.random.default_rng(rng).random() * rate  # some modality always goes
    kept = 1 - rate / 2
    if u < rate / 2:
        return 0 * image_embeddings, text_embeddings / kept
    return image_embeddings / kept, 0 * text_embeddings


@mutant("modality_dropout", caught_by="only one modality is ever dropped")
def text_only_dropped(image_embeddings, text_embeddings, rate, rng):
    keep = np.random.default_rng(rng).random((len(text_embeddings), 1)) >= rate
    return image_embeddings, np.where(keep, text_embeddings, 0)


@mutant("modality_dropout", caught_by="that makes 2 · rate")
def each_at_the_rate(image_embeddings, text_embeddings, rate, rng):
    if rate == 1:
        rate = 0.5
    u = np.random.default_rng(rng).random((len(image_embeddings), 1))
    image = np.where(u < rate, 0, image_embeddings / (1 - rate))
    return image, np.where((u >= rate) & (u < 2 * rate), 0, text_embeddings / (1 - rate))


@mutant("modality_dropout", caught_by="what is kept was not rescaled")
def not_rescaled(image_embeddings, text_embeddings, rate, rng):
    u = np.random.default_rng(rng).random((len(image_embeddings), 1))
    image = np.where(u < rate / 2, 0, image_embeddings)
    return image, np.where((u >= rate / 2) & (u < rate), 0, text_embeddings)


@mutant("modality_dropout", caught_by="also in examples that lose nothing")
def only_survivors_rescaled(image_embeddings, text_embeddings, rate, rng):
    u = np.random.default_rng(rng).random((len(image_embeddings), 1))
    no_image, no_text = u < rate / 2, (u >= rate / 2) & (u < rate)
    image = np.where(no_image, 0, np.where(no_text, image_embeddings * 2, image_embeddings))
    return image, np.where(no_text, 0, np.where(no_image, text_embeddings * 2, text_embeddings))


@mutant("modality_dropout", caught_by="divided by 1 - rate; each modality is kept with probability 1 - rate / 2")
def divided_by_one_minus_rate(image_embeddings, text_embeddings, rate, rng):
    u = np.random.default_rng(rng).random((len(image_embeddings), 1))
    kept = max(1 - rate, 1e-12)
    image = np.where(u < rate / 2, 0, image_embeddings / kept)
    return image, np.where((u >= rate / 2) & (u < rate), 0, text_embeddings / kept)


@mutant("modality_dropout", caught_by="what is lost is set to 0, not cut out")
def rows_cut_out(image_embeddings, text_embeddings, rate, rng):
    u = np.random.default_rng(rng).random(len(image_embeddings))
    kept = 1 - rate / 2
    return image_embeddings[u >= rate / 2] / kept, text_embeddings[(u < rate / 2) | (u >= rate)] / kept


@mutant("modality_dropout", caught_by="the same seed gave another result")
def rng_ignored(image_embeddings, text_embeddings, rate, rng):
    u = np.random.default_rng().random((len(image_embeddings), 1))
    image = np.where(u < rate / 2, 0, image_embeddings / (1 - rate / 2))
    return image, np.where((u >= rate / 2) & (u < rate), 0, text_embeddings / (1 - rate / 2))


@mutant("modality_dropout", caught_by="another seed gave the same result")
def fixed_seed(image_embeddings, text_embeddings, rate, rng):
    u = np.random.default_rng(0).random((len(image_embeddings), 1))
    image = np.where(u < rate / 2, 0, image_embeddings / (1 - rate / 2))
    return image, np.where((u >= rate / 2) & (u < rate), 0, text_embeddings / (1 - rate / 2))


@mutant("modality_dropout", caught_by="raise ValueError unless 0 <= rate <= 1")
def any_rate(image_embeddings, text_embeddings, rate, rng):
    u = np.random.default_rng(rng).random((len(image_embeddings), 1))
    image = np.where(u < rate / 2, 0, image_embeddings / (1 - rate / 2))
    return image, np.where((u >= rate / 2) & (u < rate), 0, text_embeddings / (1 - rate / 2))
