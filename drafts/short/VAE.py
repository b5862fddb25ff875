"""Shorten VAE.ipynb: exact replacements in Markdown cells, one code cell deleted; writes VAE.ipynb beside this file."""

import copy
from pathlib import Path

import nbformat

NB = Path("/work/main/architectures/vae/VAE.ipynb")
DELETED = {60: "@styled\ndef plot_histograms("}  # index of a code cell, and how it begins

REPLACED = [  # index of a Markdown cell, old text, new text
    (
        0,
        r"""You will build a variational autoencoder (VAE), derive the bound that it is trained on and check it against cases with a known answer, train it on MNIST, sample new digits, explore its latent space, and test whether its likelihood recognises images that are no digits. In the stored run the 20-dimensional model, trained on dynamically binarised MNIST, reaches a test −ELBO of 93.69 nats and a −log p(x) of 89.49 nats (500 samples, n = 1).

**How long it takes.** The stored outputs come from scale `cpu`: 72 minutes of training in all on two cores of an AMD EPYC, most of it two trainings at a time, one thread each, beside other work on the machine. Scales: `quick` (half a minute, generated shapes instead of digits, no internet connection; its numbers mean nothing), `cpu`, `gpu` (adds a convolutional VAE), `paper` (the paper's optimiser, for many hours). The second code cell says how to choose.""",
        r"""You will build a variational autoencoder (VAE), check the bound that it is trained on against exact answers, train it on MNIST, sample new digits, explore its latent space, and test whether its likelihood recognises images that are no digits. In the stored run, 20 latent dimensions reach a test −ELBO of 93.69 nats and a −log p(x) of 89.49 nats on dynamically binarised MNIST (n = 1).

**How long it takes.** The stored outputs come from scale `cpu`: 72 minutes of training in all on two cores of an AMD EPYC (mostly two trainings at a time, one thread each, beside other work). Scale `quick` uses generated shapes instead of digits, and its numbers mean nothing; `gpu` adds a convolutional VAE of our own; `paper` takes many hours.""",
    ),
    (
        4,
        r"""The encoder does not output a single code for an image x, but a Gaussian distribution of codes, q(z|x), with a mean μ and a variance σ² for each latent dimension. A sample z from it goes through the decoder, which gives each pixel a probability of being white. These probabilities together are p(x|z), the distribution over images given the code.

The loss (dashed boxes) has two parts. The **reconstruction error** −log p(x|z) is large if the decoder finds the original image unlikely. The **KL divergence** measures how far q(z|x) is from the standard normal N(0, I), in other words how much information the code carries about the image. A plain autoencoder has only the first part. Nothing then tells its codes where to lie, so a random code usually decodes to nonsense. The second part keeps the codes close to N(0, I), and that is why we can sample new images from a VAE.""",
        r"""The encoder maps an image x not to a single code but to a Gaussian distribution of codes, q(z|x), with a mean μ and a variance σ² for each latent dimension. From a sample z of it, the decoder computes p(x|z): for each pixel, the probability of being white.

The loss (dashed boxes) has two parts. The **reconstruction error** −log p(x|z) is large if the decoder finds the original image unlikely. A plain autoencoder has only this part: nothing tells its codes where to lie, so a random code usually decodes to nonsense. The **KL divergence** measures how far q(z|x) is from the standard normal N(0, I). It keeps the codes near N(0, I), so that we can sample new images.""",
    ),
    (
        4,
        r"""**The question.** Suppose that every image $x$ is generated in two steps: first a latent code $z$ is drawn from a simple prior $p(z) = \mathcal N(0, I)$, then the image is drawn from $p_\theta(x|z)$, which a neural network (the *decoder*) computes from $z$. How can we learn $\theta$ from images alone, when we never see $z$? The likelihood of an image, also called its **evidence** or marginal likelihood, is an integral over all possible codes,""",
        r"""**The question.** Suppose that every image $x$ is generated in two steps: a latent code $z$ is drawn from a simple prior $p(z) = \mathcal N(0, I)$, then the image is drawn from $p_\theta(x|z)$, which the *decoder* computes. How can we learn $\theta$ from images alone, when we never see $z$? The likelihood of an image, also called its **evidence** or marginal likelihood, is an integral over all possible codes,""",
    ),
    (
        4,
        r"""**The idea.** Train a second network, the *encoder*, to output an approximate posterior $q_\phi(z|x) = \mathcal N(\mu, \mathrm{diag}(\sigma^2))$. One network serves all images, instead of a separate fit for each of them; this is called **amortised inference**. The approximate posterior yields a lower bound on $\log p_\theta(x)$, the **evidence lower bound** or ELBO:""",
        r"""**The idea.** A second network, the *encoder*, outputs an approximate posterior $q_\phi(z|x) = \mathcal N(\mu, \mathrm{diag}(\sigma^2))$. One network serves all images (**amortised inference**). It yields a lower bound on $\log p_\theta(x)$, the **evidence lower bound** or ELBO:""",
    ),
    (
        4,
        r"""We can estimate it from a single sample $z$, and the **reparameterisation** $z = \mu + \sigma\varepsilon$ lets gradients flow through the sampling. So both networks are trained together by ordinary stochastic gradient descent on the negative ELBO.

**The results.** The paper reports curves and no table. On MNIST, the bound rises faster and higher than with the wake-sleep algorithm for each of five latent sizes from 3 to 200 (Figure 2), and superfluous latent dimensions do not lead to overfitting. A two-dimensional latent space can be drawn as a map of all digits (Figure 4).""",
        r"""A single sample $z$ is enough to estimate the bound, and the **reparameterisation** $z = \mu + \sigma\varepsilon$ lets gradients flow through the sampling. So we can train both networks together by gradient descent on the negative ELBO.

**The results.** The paper reports curves and no table. On MNIST, the bound rises faster and higher than with the wake-sleep algorithm for five latent sizes from 3 to 200 (Figure 2), and superfluous latent dimensions do not lead to overfitting.""",
    ),
    (
        4,
        r"""- **grey**: the grey level g goes into the formula of the Bernoulli likelihood as if it were a pixel. Most tutorials do this.
- **static**: each pixel is drawn white with probability g, once. The binary data set then stays as it is.
- **dynamic**: each pixel is drawn anew whenever a training image is used.""",
        r"""- **grey**: the grey level goes into the formula of the Bernoulli likelihood as if it were a pixel. Most tutorials do this.
- **static**: each pixel is drawn once, with its grey level as the probability of white.
- **dynamic**: each pixel is drawn anew whenever a training image is used.""",
    ),
    (
        6,
        r"""**Always say which convention a number belongs to.** The bound on grey levels is no bound on a log-likelihood, because a grey level is not a possible outcome of a Bernoulli variable. It still has a meaning: the formula gives the average of $\log p(b|z)$ over binary draws $b$ of the image, and all draws share one $q(z|g)$. So for the same decoder, even the best possible grey −ELBO is no lower than the average −log p(b) of the draws. Both share a floor. The draws have an entropy of 45.5 nats per image on average, which no model can predict. (A *nat* is the unit of information with the natural logarithm; it equals 1.44 bits.)

Static and dynamic differ in training only. One fixed draw can be memorised; of a new draw in each epoch, only the grey levels can. Our test sets are a single fixed draw in both cases, so static and dynamic test numbers estimate the same quantity. We train one model on grey levels, to compare with the tutorials, and use **dynamic** binarisation everywhere else unless we say otherwise.""",
        r"""**Always say which convention a number belongs to.** A grey level is not a possible outcome of a Bernoulli variable, so the bound on grey levels is no bound on a log-likelihood: do not compare it with the other two. No model can reach zero: the binary draws of a test image have an entropy of 45.5 nats on average. (A *nat* is the unit of information with the natural logarithm.)

Static and dynamic differ in training only; the test set is one fixed draw in both. We train one model on grey levels, and use **dynamic** binarisation unless we say otherwise.""",
    ),
    (
        6,
        r"""The integral looks harmless: draw many $z$ from the prior and average $p(x|z)$. This is the naive Monte Carlo estimate. To see what goes wrong, we take a model for which we know the answer. Let an "image" of 100 pixels be $x = Wz$ plus Gaussian noise; then $p(x)$ is itself a Gaussian, and so is the posterior. We compare the naive estimate with **importance sampling**, which draws $z$ from a proposal distribution $q(z)$ near the posterior and corrects for this with a weight:""",
        r"""The integral looks harmless: draw many $z$ from the prior and average $p(x|z)$. To see what goes wrong with this naive Monte Carlo estimate, we take a model for which we know the answer: an "image" of 100 pixels is $x = Wz$ plus Gaussian noise, so $p(x)$ and the posterior are Gaussian too. **Importance sampling** draws $z$ from a proposal distribution $q(z)$ near the posterior instead, and corrects for this with a weight:""",
    ),
    (
        6,
        r"""$$\log p(x) \approx \log \frac1k \sum_{i=1}^k \frac{p(x|z_i)\,p(z_i)}{q(z_i)}, \qquad z_i \sim q(z).$$

With $q(z) = p(z)$ this is the naive estimate.""",
        r"""$$\log p(x) \approx \log \frac1k \sum_{i=1}^k \frac{p(x|z_i)\,p(z_i)}{q(z_i)}, \qquad z_i \sim q(z).$$""",
    ),
    (
        10,
        r"""**Nearly all of the integral comes from a tiny region.** On the left, the small window enlarges the region that matters: hardly any of the 500 samples from the prior fall into it. On the right, the naive estimate is far too low until it has hundreds of samples, because the average depends on the rare samples that hit the region. Importance sampling needs a few samples only. Each further dimension makes hits rarer still:""",
        r"""**Nearly all of the integral comes from a tiny region.** The small window enlarges it: hardly any of the 500 samples from the prior fall into it. So the naive estimate is far too low with 10 samples and still scatters with 100, while importance sampling needs only a few. Each further dimension makes hits rarer still:""",
    ),
    (
        12,
        r"""In twenty dimensions the naive estimate is hopeless, while importance sampling is still right to within a nat. Note two caveats. This proposal uses the mean and the standard deviations of the exact posterior, which we never have for a neural network. And the last column shows that even a good proposal gets worse in high dimensions: it is the **effective sample size** $(\sum w)^2/\sum w^2$, the number of equally weighted samples that would be worth as much. So we need a proposal close to the posterior, for each image. That is the encoder's job.""",
        r"""In twenty dimensions the naive estimate is hopeless, while importance sampling is still right to within a nat. Its **effective sample size**, the number of equally weighted samples that would be worth as much, falls from 685 to 6, although we took the proposal from the exact posterior. A neural network does not give us that posterior. To provide a proposal close to it for each image is the encoder's job.""",
    ),
    (
        12,
        r"""The encoder's Gaussian $q(z|x)$ enters when we multiply and divide by it under the integral. Jensen's inequality (the log of an average is at least the average of the log) then moves the logarithm inside:""",
        r"""We multiply and divide by the encoder's Gaussian $q(z|x)$ under the integral. Jensen's inequality (the log of an average is at least the average of the log) then moves the logarithm inside:""",
    ),
    (
        12,
        r"""How much do we lose in the third line? By Bayes' rule, $p(x|z)\,p(z) = p(z|x)\,p(x)$. We put this into the ELBO, and take $\log p(x)$, which does not depend on $z$, out of the expectation:""",
        r"""How much do we lose in the third line? We insert Bayes' rule, $p(x|z)\,p(z) = p(z|x)\,p(x)$, and take $\log p(x)$, which does not depend on $z$, out of the expectation:""",
    ),
    (
        12,
        r"""The gap is exactly the KL divergence from the approximate to the true posterior: the better the approximation, the tighter the bound. We check this on the linear model in two dimensions, with approximate posteriors of three widths:""",
        r"""The gap is exactly the KL divergence from the approximate to the true posterior: the better the approximation, the tighter the bound. We check this on the linear model, with approximate posteriors of three widths:""",
    ),
    (
        14,
        r"""The sum is the exact value each time. So whatever raises the ELBO must raise $\log p(x)$, shrink the gap, or do both.

**The KL divergence has a closed form.** For two Gaussians it needs no samples (appendix B): each latent dimension costs $\frac12(\mu^2 + \sigma^2 - \log\sigma^2 - 1)$ nats, and their sum is the full KL. It is zero if the encoder outputs the prior itself, $\mu = 0$ and $\sigma = 1$, for every image; then that dimension carries no information. We check the formula by hand, against PyTorch, and against an average over samples:""",
        r"""The sum is exact each time. So whatever raises the ELBO must raise $\log p(x)$, shrink the gap, or do both.

**The KL divergence has a closed form.** Each latent dimension costs $\frac12(\mu^2 + \sigma^2 - \log\sigma^2 - 1)$ nats (appendix B). A dimension with $\mu = 0$ and $\sigma = 1$ for every image costs nothing and carries no information. We check the formula by hand, against PyTorch, and against an average over samples:""",
    ),
    (
        17,
        r"""The reconstruction part of the bound is an average over $z \sim q_\phi(z|x)$, and we need its gradient with respect to $\phi$, the parameters that $q$ itself depends on. There are two unbiased estimators.

- **Score function** (REINFORCE): $\nabla_\phi\, \mathbb E_q[f(z)] = \mathbb E_q[f(z)\, \nabla_\phi \log q_\phi(z)]$. It uses only the *values* of $f$: samples with a high value are made more likely. It works for any $f$, and for discrete $z$ too.
- **Reparameterisation**: write $z = \mu + \sigma\varepsilon$ with $\varepsilon \sim \mathcal N(0, 1)$. Now the randomness does not depend on $\phi$, and the gradient passes through $f$ as through any other layer: $\nabla_\phi\, \mathbb E_q[f(z)] = \mathbb E_\varepsilon[\nabla_\phi f(\mu + \sigma\varepsilon)]$. It uses the *slope* of $f$, so $f$ must be differentiable and $z$ continuous.""",
        r"""The reconstruction part of the bound is an average over $z \sim q_\phi(z|x)$, and we need its gradient with respect to $\phi$, on which $q$ itself depends. There are two unbiased estimators:

- **Score function** (REINFORCE): $\nabla_\phi\, \mathbb E_q[f(z)] = \mathbb E_q[f(z)\, \nabla_\phi \log q_\phi(z)]$. It uses only the *values* of $f$, so it works for discrete $z$ too.
- **Reparameterisation**: with $z = \mu + \sigma\varepsilon$ and $\varepsilon \sim \mathcal N(0, 1)$, the randomness does not depend on $\phi$, and $\nabla_\phi\, \mathbb E_q[f(z)] = \mathbb E_\varepsilon[\nabla_\phi f(\mu + \sigma\varepsilon)]$. It uses the *slope* of $f$, so $f$ must be differentiable and $z$ continuous.""",
    ),
    (
        19,
        r"""- reparameterisation: the slope $2z_1$, with variance 4 in any dimension.
- score function: for $\sigma = 1$, $\partial \log q(z)/\partial\mu_1 = z_1 - \mu_1 = \varepsilon_1$, so one sample is $f(z)\,\varepsilon_1$. Its variance is $30 + 22(D-1) + 4(D-1)^2$.
- score function with a baseline: the standard remedy subtracts the mean of $f$, which changes nothing on average. One sample is $(f(z) - 2D)\,\varepsilon_1$, with variance $18 + 6(D-1)$.""",
        r"""- reparameterisation: the slope $2z_1$, with variance 4 in any dimension.
- score function: for $\sigma = 1$, $\partial \log q(z)/\partial\mu_1 = z_1 - \mu_1 = \varepsilon_1$, so one sample is $f(z)\,\varepsilon_1$. Its variance is $30 + 22(D-1) + 4(D-1)^2$.
- score function with a baseline: $(f(z) - 2D)\,\varepsilon_1$, with variance $18 + 6(D-1)$. Subtracting the mean of $f$ changes nothing on average.""",
    ),
    (
        21,
        r"""All three estimators have the right mean, but the reparameterised gradient is the only one whose noise does not grow with the number of dimensions. In 50 dimensions the score function's variance is thousands of times larger. A baseline removes most of this, and still leaves a factor of about 80. Such low noise lets the paper use a single sample of $z$ per image, provided that the minibatch is large enough, 100 for instance.""",
        r"""All three have the right mean, but in this example only the noise of the reparameterised gradient does not grow with the number of dimensions. In 50 dimensions its variance is 4.0, against 10,728 for the score function and 312 with a baseline. Such low noise lets the paper use a single sample of $z$ per image, with minibatches of 100.""",
    ),
    (
        21,
        r"""The paper's encoder and decoder have one hidden layer of 500 tanh units each (appendix C). The encoder ends in $2D$ numbers, $\mu$ and $\log\sigma^2$. We predict $\log\sigma^2$ because it can be any real number, while $\sigma^2$ must be positive. The decoder ends in a logit for each pixel, or, for real-valued pixels, in a mean and a log-variance for each.""",
        r"""The paper's encoder and decoder have one hidden layer of 500 tanh units each (appendix C). The encoder ends in $\mu$ and $\log\sigma^2$, because $\log\sigma^2$ can be any real number while $\sigma^2$ must be positive. The decoder ends in a logit for each pixel, or, for real-valued pixels, in a mean and a log-variance.""",
    ),
    (
        24,
        r"""An untrained decoder gives every pixel a probability near one half, so it pays $\log 2$ nats for each of the 784 pixels, 543 nats in all. Every training below begins there.

**The reconstruction error is a loss that you know.** With a Bernoulli decoder, $-\log p(x|z)$ is the binary cross-entropy summed over the pixels. With a Gaussian decoder of fixed variance, it is the squared error divided by $2\sigma^2$, plus a constant. The sum matters: a loss averaged over the 784 pixels, PyTorch's default, silently multiplies the weight of the KL term by 784.""",
        r"""**The reconstruction error is a loss that you know.** With a Bernoulli decoder, $-\log p(x|z)$ is the binary cross-entropy summed over the pixels. With a Gaussian decoder of fixed variance, it is the squared error divided by $2\sigma^2$, plus a constant. If you average over the 784 pixels instead, PyTorch's default, you silently multiply the weight of the KL term by 784.""",
    ),
    (
        26,
        r"""**Sanity check: overfit one batch, down to its entropy.** For three grey images we know the best possible loss. It is the entropy of their pixels, which no decoder can avoid, plus $\log 3 = 1.1$ nats for the choice among the three. A correct VAE must come close to this floor and must not fall below it.""",
        r"""**Sanity check: overfit one batch, down to its entropy.** For three grey images we know the best possible loss: the entropy of their pixels, plus $\log 3 = 1.1$ nats for the choice among the three. A correct VAE must come close to this floor and must not fall below it.""",
    ),
    (
        28,
        r"""All settings of all trainings are in the next cell. `main` is the number of epochs of the two long trainings with 20 dimensions, one on grey levels and one with dynamic binarisation; `short` is that of all comparisons. The training loop is `train_one_epoch` of [utils/training.py](../../utils/training.py); `fit` adds the evaluation and the checkpoints.""",
        r"""All settings are in the next cell. `main` is the number of epochs of the two long trainings, `short` that of all comparisons. The loop is `train_one_epoch` of [utils/training.py](../../utils/training.py).""",
    ),
    (
        31,
        r"""`build` makes the model, and `beta` weights the KL term; it is 1 except in one section below. `clip` limits the norm of the gradient, which one model needs. We train with Adam and a one-cycle schedule of the learning rate. Its peak, 5e-3, was chosen on the validation set in a few trainings of 8 and 30 epochs before this run; we have not compared rates at full length.

At scale `gpu` we also train `ConvVAE` of [vae.py](vae.py), which is ours and not the paper's: two convolutions of stride 2 in the encoder and their mirror image in the decoder.""",
        r"""In `train`, `beta` weights the KL term and `clip` limits the norm of the gradient. We use Adam with a one-cycle learning-rate schedule, and chose its peak, 5e-3, on the validation set in a few shorter trainings.""",
    ),
    (
        34,
        r"""Both curves flatten as the learning rate reaches zero, and the gap between training and validation stays small. It is larger on grey levels (96.44 against 99.23 nats at the end), which are the same in every epoch, than on pixels that are drawn anew (the right panel). Do not compare the two panels with each other: they use different conventions.""",
        r"""The curves flatten as the learning rate reaches zero. Training and validation differ more on grey levels, which are the same in every epoch (96.44 against 99.23 nats), than on pixels that are drawn anew (92.98 against 94.34).""",
    ),
    (
        34,
        r"""Besides the bound itself we estimate $\log p(x)$ by importance sampling, as on the linear model, with 500 samples for each test image. The encoder's $q(z|x)$ is now the proposal distribution.""",
        r"""We also estimate $\log p(x)$ by importance sampling, with the encoder's $q(z|x)$ as the proposal distribution and 500 samples for each test image.""",
    ),
    (
        36,
        r"""**The model reaches 93.69 nats by its bound and 89.49 nats by the estimate of log p(x)**, both on the dynamically binarised test set, and 98.43 nats on grey levels, a number of another kind. The 4.2 nats between the first two are the least that the bound gives away. For orientation: Burda et al. report 86.76 nats for a VAE with two hidden layers and 50 latent dimensions. One seed each, so we cannot say how much another seed would change.""",
        r"""**The model reaches 93.69 nats by its bound and 89.49 nats by the estimate of log p(x)** (dynamic binarisation, n = 1), so the bound gives away at least 4.2 nats. For orientation: Burda et al. report 86.76 nats for a VAE with two hidden layers and 50 latent dimensions.""",
    ),
    (
        37,
        r"""The paper's Figure 2 draws the bound against the number of training samples seen, for several latent sizes. We repeat it, and count how many dimensions each model uses. We call a latent dimension **active** if its KL term, averaged over the test set, is above 0.01 nats. (Burda et al. use another criterion: that the encoder's mean varies over the data with a variance above 0.01.) The encoder of an inactive dimension outputs the prior, whatever the image. If superfluous dimensions led to overfitting, the test curve of the largest model would turn down while its training curve keeps rising.""",
        r"""We repeat the paper's Figure 2 and count the **active** latent dimensions of each model: those whose KL term, averaged over the test set, is above 0.01 nats. If superfluous dimensions led to overfitting, the test curve of the largest model would turn down.""",
    ),
    (
        40,
        r"""**More dimensions help up to 20, and many superfluous ones hardly hurt.** The test −ELBO falls from 144.67 nats with two dimensions to 96.49 with twenty. The model with 200 dimensions ends at 97.02, half a nat behind; only 29 of its dimensions are active, and for the other 171 the encoder outputs the prior. Its test curve does not turn down. That is what the paper reports, here with one seed. Unlike the others, this model trains with clipped gradients, because an earlier try without clipping was unstable and was discarded.

**Dynamic binarisation hides overfitting**, because no two epochs show the same pixels. A fairer test of the paper's claim trains on one fixed draw (static binarisation). If superfluous dimensions led to overfitting, the difference between training and test should be larger with 200 dimensions than with 20:""",
        r"""**More dimensions help up to 20, and many superfluous ones hardly hurt** (n = 1). The test −ELBO falls from 144.67 nats with two dimensions to 96.49 with twenty. The model with 200 ends half a nat behind, at 97.02, and its test curve does not turn down. Only 29 of its dimensions are active; for the others the encoder almost outputs the prior. We clip the gradients of this model only, because an earlier try without clipping was unstable.

**Dynamic binarisation hides overfitting**, because no two epochs show the same pixels. A fairer test trains on one fixed draw (static binarisation). If superfluous dimensions led to overfitting, training and test should differ more with 200 dimensions than with 20:""",
    ),
    (
        42,
        r"""**We see no overfitting from superfluous dimensions** (n = 1, 50 epochs). The fixed draw is memorised a little: with 20 dimensions, training and test differ by 2.96 nats, against 0.27 with a new draw in each epoch. With 200 dimensions the difference is smaller (1.93), not larger, although this model also fits the training images a little worse (96.10 against 94.88). Our test images are easier than the validation images, against which the differences are 4.16 and 3.34 nats (from the printed lines), in the same order.""",
        r"""**We see no overfitting from superfluous dimensions** (n = 1, 50 epochs). The fixed draw does cause a little overfitting: with 20 dimensions, training and test differ by 2.96 nats, against 0.27 with a new draw in each epoch. With 200 dimensions they differ less (1.93), although this model also fits the training images a little worse (96.10 against 94.88).""",
    ),
    (
        42,
        r"""From here on we use the long training with dynamic binarisation. We show the decoder's probabilities as grey levels, not binary samples of them.""",
        r"""We use the long training with dynamic binarisation, and show the decoder's probabilities as grey levels.""",
    ),
    (
        44,
        r"""Reconstructions keep the digit and smooth its outline. About half of the samples from the prior look like digits; the others are blends that belong to no class: the decoder also gets codes from between the regions that the encoder uses.

**Between two images.** If the latent space is well used, the straight path between two codes should pass through believable digits. For comparison, the lower row shows pixel-space interpolation, a mere cross-fade.""",
        r"""Reconstructions keep the digit and smooth its outline. About half of the samples from the prior look like digits; the others are blends that belong to no class.

**Between two images.** We decode the straight path between two codes, and cross-fade the pixels for comparison.""",
    ),
    (
        46,
        r"""On the latent path the base of the 2 fades while the rest bends into a 7, and nearly every image on the way looks like something that a hand could have written. The cross-fade shows two digits on top of each other.""",
        r"""On the latent path the base of the 2 fades while the rest bends into a 7; the cross-fade shows both digits at once.""",
    ),
    (
        46,
        r"""With two latent dimensions we can draw the whole latent space. Following the paper's Figure 4, we take a grid that divides the prior's probability evenly (equal steps of the Gaussian's cumulative distribution) and decode every point. On the left are the means of $q(z|x)$ of the test images, coloured by class. The model has never seen the classes.""",
        r"""With two latent dimensions we can draw the whole latent space. As in the paper's Figure 4, we decode a grid that divides the prior's probability evenly (right). On the left are the means of $q(z|x)$ of the test images, coloured by class, which the model has never seen.""",
    ),
    (
        48,
        r"""Digits that look alike lie side by side. The zeros, ones and sixes have regions of their own, while 4 and 9 overlap (lower middle), and 3, 5 and 8 meet in the centre. In the grid on the right the digits change into one another without a break, for example from 0 over 6 to 2 along the top row.""",
        r"""Digits that look alike lie side by side. The zeros, ones and sixes have regions of their own, while 4 and 9 overlap, and 3, 5 and 8 meet in the centre. In the grid the digits change into one another without a break.""",
    ),
    (
        48,
        r"""A weight β on the KL term trades reconstruction error against KL. This is the β-VAE of Higgins et al., who use β > 1 to encourage *disentangled* codes, in which each dimension stands for one property of the image. In the language of compression, the KL is the **rate**, the nats spent on the code, and the reconstruction error is the **distortion**. With β above 1, the objective is still a lower bound on $\log p(x)$, only a looser one; with β below 1 it is no longer a bound.

We expect trouble at both ends. With β = 0 we have a plain autoencoder with noise, and nothing stops it from shrinking σ to 0: reconstructions should be best, but nothing ties the codes to the prior, so samples from the prior should fail. With a large β, more and more dimensions should become inactive. When the decoder ignores the code altogether, this is called **posterior collapse**.""",
        r"""A weight β on the KL term trades reconstruction error against KL (the β-VAE of Higgins et al.).

We expect trouble at both ends. With β = 0 reconstructions should be best, but nothing ties the codes to the prior, so samples from the prior should fail. With a large β, more and more dimensions should become inactive. If the decoder ignores the code, this is called **posterior collapse**.""",
    ),
    (
        51,
        r"""**Each end loses something else.** With β = 0 the reconstruction error is smallest (56.0 nats) and the KL enormous (230.1): the codes no longer follow the prior, and samples from it are no digits. As β grows the KL falls to 9.8 nats, reconstructions lose detail (103.7 nats), and at β = 4 only 12 of the 20 dimensions are still active. The samples look cleanest at β = 4, whose codes are coarse but stay close to the prior. The −ELBO itself is best at β = 1, the objective that it belongs to. One seed for each β.""",
        r"""**Each end loses something else** (n = 1 for each β). With β = 0 the reconstruction error is smallest (56.0 nats) and the KL enormous (230.1), and samples from the prior are no digits. As β grows to 4, the KL falls to 9.8 nats, reconstructions lose detail (103.7 nats), and only 12 of the 20 dimensions stay active, but the samples look cleanest. The −ELBO is best at β = 1.""",
    ),
    (
        51,
        r"""The gap between $\log p(x)$ and the ELBO is $\mathrm{KL}(q(z|x)\,\|\,p(z|x))$. It has two causes (Cremer et al. 2018): the true posterior may not be a diagonal Gaussian (the *approximation gap*), and the encoder may not find the best Gaussian for this image (the *amortisation gap*). In two dimensions we can look at both directly, because there a fine grid computes the otherwise intractable integral. For three test images we draw the true posterior on the grid, and the encoder's Gaussian over it.""",
        r"""The gap between $\log p(x)$ and the ELBO has two causes (Cremer et al. 2018): the true posterior may not be a diagonal Gaussian (the *approximation gap*), and the encoder may not find the best Gaussian for this image (the *amortisation gap*). In two dimensions we can see both: for three test images we compute the true posterior on a fine grid and draw the encoder's Gaussian over it.""",
    ),
    (
        53,
        r"""In two dimensions the encoder is nearly right. The grid and the 2,000 samples agree to 0.1 nats, and the ELBO is only 0.2 to 0.4 nats below them. On the left, the true posterior is tilted, which a diagonal Gaussian cannot follow (approximation gap); on the right, the encoder could have chosen a narrower one (amortisation gap).

In twenty dimensions a grid is impossible, but the importance-sampled estimate rises towards $\log p(x)$ with the number of samples, from the ELBO at $k = 1$:""",
        r"""For these three images the encoder is nearly right: the ELBO is only 0.2 to 0.4 nats below $\log p(x)$. On the left, the true posterior is tilted, which a diagonal Gaussian cannot follow (approximation gap). On the right, the encoder could have chosen a narrower Gaussian (amortisation gap).

In twenty dimensions a grid is impossible, but the importance-sampled estimate rises from the ELBO at $k = 1$ towards $\log p(x)$:""",
    ),
    (
        55,
        r"""The average gap is at least 4.21 nats for these 1,000 images, roughly ten times what we saw for three images in two dimensions. (The extremes, −0.5 and 14.9, contain sampling noise: no true gap is negative.) The curve still rises a little at 1,000 samples, so even that estimate is a lower bound.""",
        r"""The gap is at least 4.21 nats on average over these 1,000 images, far more than for the three images in two dimensions. The curve still rises at the end, so the true gap is probably larger.""",
    ),
    (
        55,
        r"""Every image has its own ELBO. We sort the test set by it.""",
        r"""We sort the test set by ELBO.""",
    ),
    (
        57,
        r"""**The model finds simple images likely.** The twelve highest ELBOs all belong to upright ones, and the class means run from −52 nats for the ones to −111 for the eights. The lowest belong to thick, ragged or unusual digits. The correlation with the number of white pixels is −0.56: the more ink, the lower the ELBO tends to be.

**Out-of-distribution detection.** It is tempting to use the likelihood as a detector: an image that is no digit should be unlikely. For some pairs of data sets this is known to fail. Nalisnick et al. trained generative models on Fashion-MNIST and found that they give MNIST digits a *higher* likelihood than their own test images. The failure is asymmetric: models trained on MNIST often look fine. We test ours on five groups that it has not seen: digits rotated by 180° (only 2, 3, 4, 5 and 7, since the others still look like digits), letters that do not look like digits, the same letters rotated, generated shapes, and black images with a single white dot. We compare each with the upright test digits 2, 3, 4, 5 and 7.

The **AUROC** is the probability that a random digit scores higher than a random image of the group: 1 is a perfect detector, 0.5 is chance. A low ELBO may only mean that the encoder fails on an unfamiliar image, so we estimate $\log p(x)$ as well.""",
        r"""**The model finds simple images likely.** The twelve images with the highest ELBO all look like upright ones; the lowest are thick, ragged or unusual digits. The class means run from −52 nats for the ones to −111 for the eights.

**Out-of-distribution detection.** An image that is no digit should be unlikely, so can we detect it by its likelihood? Nalisnick et al. found that models trained on Fashion-MNIST give MNIST digits a *higher* likelihood than their own test images. We compare the test digits 2, 3, 4, 5 and 7 with the same digits rotated by 180° (the other classes would still look like digits), letters, generated shapes, and black images with a white dot.

The **AUROC** is the probability that a random digit scores higher than a random image of the group: 1 is perfect, 0.5 is chance. A low ELBO may only mean a loose bound, so we estimate $\log p(x)$ as well.""",
    ),
    (
        61,
        r"""**The likelihood rejects some unfamiliar images and prefers others to digits.** The shapes are told apart almost perfectly (AUROC 0.999), rotated digits and letters fairly well (0.84 to 0.88). But the single dots get a *higher* ELBO than nearly all digits: an AUROC of 0.023 is far worse than chance. The model cannot reconstruct them (last row), yet a black image with one small spot costs few nats whatever the spot means. Estimating log p(x) with 500 samples instead of the ELBO changes no AUROC by more than 0.018, so a loose bound is not the reason. A high likelihood does not mean "like the training data"; it also means "simple".""",
        r"""**The likelihood rejects some unfamiliar images and prefers others to digits.** It separates the shapes from digits almost perfectly (AUROC 0.999), rotated digits and letters fairly well (0.84 to 0.88). But the dots get a *higher* ELBO than nearly all digits (AUROC 0.023). The model cannot reconstruct them (last row), yet a black image with one small spot costs few nats. With log p(x) their AUROC is 0.005, so a loose bound is not the reason. A high likelihood does not mean "like the training data"; it can also mean "simple".""",
    ),
    (
        61,
        r"""We save the two-dimensional model of this run together with what a later user needs to know. The repository keeps the model of the stored run in half precision (1.6 MB), so the cells after the next one need no training and no internet connection.""",
        r"""We save the two-dimensional model of this run in half precision. The repository keeps the one of the stored run, and `vae2d_mnist()` loads it without any training.""",
    ),
    (
        64,
        r"""**Your own digit.** Put an image beside the notebook, dark ink on light paper, one digit in the middle, and set its name. The cell crops it to a square, scales it to 20×20 pixels, adds a margin of four, makes it black and white like the training images, and encodes it into two numbers. Without a file, a printed character stands in.""",
        r"""**Your own digit.** Put an image beside the notebook, dark ink on light paper, one digit in the middle, and set its name. The cell brings it into the form of the training images and encodes it. Without a file, a printed character stands in.""",
    ),
    (
        66,
        r"""The printed 3 comes back as a handwritten one: two numbers can say which digit it is, not its slant or its typeface.""",
        r"""The printed 3 comes back as a handwritten one: the code keeps the digit and loses the typeface.""",
    ),
    (
        66,
        r"""1. **Importance-weighted training.** Replace the objective by `-model.log_evidence(images, 5, at_once=5).mean()`, the bound of Burda et al. Does $\log p(x)$ improve? What happens to the active dimensions? *Hint: the sums may come from `model(images)` under `torch.no_grad()`.*
2. **KL annealing.** Let β rise from 0 to 1 during the first epochs, and count the active dimensions of the 200-dimensional model with and without. *Hint: `negative_elbo` does not know the epoch; let it count its own calls.*
3. **A Gaussian decoder.** Train `VAE(likelihood="gaussian")` on grey levels. Its log-variances are free: what happens to the bound at pixels that are black in every image?
4. **Score-function training.** In `VAE.elbo`, replace the reparameterised gradient by the score function's. How far does the bound get in one epoch? *Hint: sample z without a gradient and add a surrogate, `reconstruction.detach() * log_q`, to the objective; its gradient is the estimator.*
5. **A better detector.** Simple images are likely whatever they show. To correct for this, add to each ELBO the size of the image's PNG file in nats (bytes × 8 ln 2), less that of an all-black image, which is mostly the header. Does the AUROC of the dots change?""",
        r"""1. **Importance-weighted training.** Replace the objective by `-model.log_evidence(images, 5, at_once=5).mean()`, the bound of Burda et al. Does $\log p(x)$ improve? What happens to the active dimensions? *Hint: take the sums from `model(images)` under `torch.no_grad()`.*
2. **KL annealing.** Let β rise from 0 to 1 during the first epochs, and count the active dimensions of the 200-dimensional model with and without. *Hint: `negative_elbo` does not know the epoch; let it count its own calls.*
3. **A Gaussian decoder.** Train `VAE(likelihood="gaussian")` on grey levels. Its log-variances are free: what happens to the bound at pixels that are black in every image?
4. **Score-function training.** In `VAE.elbo`, replace the reparameterised gradient by the score function's. How far does the bound get in one epoch? *Hint: sample z without a gradient and add a surrogate, `reconstruction.detach() * log_q`, to the objective.*
5. **A better detector.** Simple images are likely whatever they show. To correct this, add to each ELBO the size of the image's PNG file in nats (bytes × 8 ln 2), less that of an all-black image. Does the AUROC of the dots change?""",
    ),
    (
        66,
        r"""- [The paper](https://arxiv.org/abs/1312.6114), and the authors' [An Introduction to Variational Autoencoders](https://arxiv.org/abs/1906.02691).
- [Stochastic Backpropagation and Approximate Inference](https://arxiv.org/abs/1401.4082) by Rezende, Mohamed and Wierstra, who independently proposed the same method.
- [Importance Weighted Autoencoders](https://arxiv.org/abs/1509.00519) by Burda, Grosse and Salakhutdinov: log p(x), active dimensions, dynamic binarisation.
- [β-VAE](https://openreview.net/forum?id=Sy2fzU9gl) by Higgins and others.
- [Do Deep Generative Models Know What They Don't Know?](https://arxiv.org/abs/1810.09136) by Nalisnick and others, on likelihoods of images never seen.""",
        r"""- [The paper](https://arxiv.org/abs/1312.6114), and the authors' [An Introduction to Variational Autoencoders](https://arxiv.org/abs/1906.02691).
- [Stochastic Backpropagation and Approximate Inference](https://arxiv.org/abs/1401.4082) by Rezende, Mohamed and Wierstra, who independently proposed the same method.
- [Importance Weighted Autoencoders](https://arxiv.org/abs/1509.00519) by Burda, Grosse and Salakhutdinov.
- [β-VAE](https://openreview.net/forum?id=Sy2fzU9gl) by Higgins and others.
- [Do Deep Generative Models Know What They Don't Know?](https://arxiv.org/abs/1810.09136) by Nalisnick and others.""",
    ),
]


def main():
    book = nbformat.read(NB, as_version=4)
    old = copy.deepcopy(book)
    for index, before, after in REPLACED:
        cell = book.cells[index]
        assert cell.cell_type == "markdown" and cell.source.count(before) == 1, (index, before[:60])
        cell.source = cell.source.replace(before, after)
    for index, start in DELETED.items():
        assert book.cells[index].cell_type == "code" and book.cells[index].source.startswith(start), index
    book.cells = [cell for index, cell in enumerate(book.cells) if index not in DELETED]
    count = 0
    for cell in book.cells:
        if cell.cell_type == "code":
            count += 1
            cell.execution_count = count
            for output in cell.outputs:
                if output.output_type == "execute_result":
                    output.execution_count = count
    check(old, book)
    nbformat.write(book, Path(__file__).with_name(NB.name))
    print("words", *(sum(len(c.source.split()) for c in n.cells if c.cell_type == "markdown") for n in (old, book)))


def check(old, new):
    nbformat.validate(new)
    kept = [cell for index, cell in enumerate(old.cells) if index not in DELETED]
    assert [cell.id for cell in kept] == [cell.id for cell in new.cells] and old.metadata == new.metadata
    for a, b in zip(kept, new.cells):
        assert a.cell_type == b.cell_type and a.metadata == b.metadata
        if a.cell_type == "code":
            assert a.source == b.source and stripped(a.outputs) == stripped(b.outputs)
    headings = [[line for cell in book.cells if cell.cell_type == "markdown" for line in cell.source.splitlines()
                 if line.startswith("#")] for book in (old, new)]
    assert headings[0] == headings[1]


def stripped(outputs):
    """Outputs without their execution counts."""
    return [{key: value for key, value in output.items() if key != "execution_count"} for output in outputs]


if __name__ == "__main__":
    main()
