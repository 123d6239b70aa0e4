"""One or more distributions of every kind, as calls that wengert and PyTorch both understand."""

T = "tensor"  # marks nested lists that become float64 tensors

SPD = [[2.0, 0.5, 0.1], [0.5, 1.5, 0.3], [0.1, 0.3, 1.2]]
ROOT = [[1.2, 0.0, 0.0], [0.4, 0.9, 0.0], [-0.3, 0.2, 1.1]]
FACTOR = [[0.5, 0.1], [-0.3, 0.7], [0.2, 0.4]]


def t(values):
    return (T, values)


# name: (class, positional arguments, keyword arguments)
CASES = {
    "Bernoulli": ("Bernoulli", [t([0.2, 0.5, 0.9])], {}),
    "Bernoulli logits": ("Bernoulli", [], {"logits": t([[-1.0], [2.0]])}),
    "Bernoulli number": ("Bernoulli", [0.3], {}),
    "Beta": ("Beta", [t([0.7, 2.5]), t([1.5, 3.0])], {}),
    "Beta number": ("Beta", [2.0, 0.6], {}),
    "Binomial": ("Binomial", [8, t([0.1, 0.5, 0.8])], {}),
    "Binomial many": ("Binomial", [t([60.0, 4.0]), t([0.4, 0.3])], {}),
    "Binomial logits": ("Binomial", [5], {"logits": t([0.3, -2.0])}),
    "Categorical": ("Categorical", [t([[0.2, 0.3, 0.5], [2.0, 1.0, 1.0]])], {}),
    "Categorical logits": ("Categorical", [], {"logits": t([0.3, -1.0, 2.0, 0.1])}),
    "Cauchy": ("Cauchy", [t([0.0, 1.0]), t([1.0, 2.5])], {}),
    "Chi2": ("Chi2", [t([0.6, 3.0, 7.5])], {}),
    "ContinuousBernoulli": ("ContinuousBernoulli", [t([0.1, 0.5, 0.5004, 0.8])], {}),
    "ContinuousBernoulli logits": ("ContinuousBernoulli", [], {"logits": t([-2.0, 0.7])}),
    "Dirichlet": ("Dirichlet", [t([[0.5, 1.0, 2.0], [3.0, 4.0, 0.7]])], {}),
    "Exponential": ("Exponential", [t([0.5, 2.0])], {}),
    "Exponential number": ("Exponential", [1.5], {}),
    "FisherSnedecor": ("FisherSnedecor", [t([3.0, 8.0]), t([5.0, 1.5])], {}),
    "Gamma": ("Gamma", [t([0.4, 1.0, 5.0]), t([1.0, 2.0, 0.5])], {}),
    "Gamma number": ("Gamma", [2.0, 3.0], {}),
    "GeneralizedPareto": (
        "GeneralizedPareto", [t([0.0, 1.0, -1.0]), t([1.0, 2.0, 0.5]), t([0.2, -0.4, 0.0])], {},
    ),
    "Geometric": ("Geometric", [t([0.2, 0.7])], {}),
    "Geometric logits": ("Geometric", [], {"logits": t([-1.0, 1.0])}),
    "Gumbel": ("Gumbel", [t([0.0, 1.0]), t([1.0, 0.3])], {}),
    "Gumbel number": ("Gumbel", [0.5, 2.0], {}),
    "HalfCauchy": ("HalfCauchy", [t([0.5, 2.0])], {}),
    "HalfNormal": ("HalfNormal", [t([0.5, 2.0])], {}),
    "InverseGamma": ("InverseGamma", [t([1.5, 4.0]), t([1.0, 2.0])], {}),
    "Kumaraswamy": ("Kumaraswamy", [t([0.7, 2.0]), t([1.5, 3.0])], {}),
    "Laplace": ("Laplace", [t([0.0, -1.0]), t([1.0, 2.0])], {}),
    "LKJCholesky": ("LKJCholesky", [3, t(1.5)], {}),
    "LKJCholesky batch": ("LKJCholesky", [4, t([0.8, 2.0])], {}),
    "LogNormal": ("LogNormal", [t([0.0, 0.5]), t([1.0, 0.3])], {}),
    "LogisticNormal": ("LogisticNormal", [t([0.1, -0.5, 1.0]), t([1.0, 0.4, 2.0])], {}),
    "LowRankMultivariateNormal": (
        "LowRankMultivariateNormal",
        [t([[0.0, 1.0, 2.0], [1.0, 0.0, -1.0]]), t(FACTOR), t([0.5, 1.0, 2.0])], {},
    ),
    "Multinomial": ("Multinomial", [6, t([[0.2, 0.3, 0.5], [1.0, 1.0, 2.0]])], {}),
    "Multinomial logits": ("Multinomial", [4], {"logits": t([0.3, -1.0, 2.0])}),
    "MultivariateNormal": ("MultivariateNormal", [t([0.0, 1.0, 2.0]), t(SPD)], {}),
    "MultivariateNormal precision": (
        "MultivariateNormal", [t([[0.0, 1.0, 2.0]] * 2)], {"precision_matrix": t(SPD)},
    ),
    "MultivariateNormal root": (
        "MultivariateNormal", [t([0.0, 1.0, 2.0])], {"scale_tril": t([ROOT, ROOT])},
    ),
    "NegativeBinomial": ("NegativeBinomial", [t([3.0, 0.5]), t([0.3, 0.8])], {}),
    "NegativeBinomial logits": ("NegativeBinomial", [4], {"logits": t([0.3, -0.8])}),
    "Normal": ("Normal", [t([0.0, 1.0, -2.0]), t([1.0, 0.5, 3.0])], {}),
    "Normal broadcast": ("Normal", [t([[0.0], [1.0]]), 2.0], {}),
    "Normal number": ("Normal", [0.5, 1.5], {}),
    "OneHotCategorical": ("OneHotCategorical", [t([[0.2, 0.3, 0.5], [2.0, 1.0, 1.0]])], {}),
    "OneHotCategoricalStraightThrough": (
        "OneHotCategoricalStraightThrough", [t([0.2, 0.3, 0.5])], {},
    ),
    "Pareto": ("Pareto", [t([1.0, 0.5]), t([2.5, 1.0])], {}),
    "Poisson": ("Poisson", [t([0.3, 4.0, 25.0])], {}),
    "RelaxedBernoulli": ("RelaxedBernoulli", [t(0.6), t([0.2, 0.7])], {}),
    "RelaxedBernoulli logits": ("RelaxedBernoulli", [t(1.3)], {"logits": t([0.2, -0.7])}),
    "RelaxedOneHotCategorical": ("RelaxedOneHotCategorical", [t(0.6), t([[0.2, 0.3, 0.5]])], {}),
    "RelaxedOneHotCategorical logits": (
        "RelaxedOneHotCategorical", [t(0.9)], {"logits": t([0.2, -0.7, 1.0])},
    ),
    "StudentT": ("StudentT", [t([0.8, 1.5, 5.0]), t(0.5), t(2.0)], {}),
    "Uniform": ("Uniform", [t([0.0, -1.0]), t([1.0, 3.0])], {}),
    "Uniform number": ("Uniform", [0.0, 2.0], {}),
    "VonMises": ("VonMises", [t([0.0, 1.0]), t([0.5, 12.0])], {}),
    "Weibull": ("Weibull", [t([1.0, 2.0]), t([0.7, 3.0])], {}),
    "Wishart": ("Wishart", [t([4.0, 5.5])], {"covariance_matrix": t(SPD)}),
    "Wishart precision": ("Wishart", [6.0], {"precision_matrix": t(SPD)}),
    "Wishart root": ("Wishart", [t([4.0, 5.0])], {"scale_tril": t([ROOT, ROOT])}),
}  # fmt: skip


def argument(lib, value, dtype=None, grad=False):
    if isinstance(value, tuple) and value[0] == T:
        made = lib.tensor(value[1], dtype=dtype or lib.float64)
        return made.requires_grad_() if grad else made
    return value


def build(lib, name, dtype=None, grad=False):
    """(distribution, its tensor arguments)"""
    kind, args, kwargs = CASES[name]
    args = [argument(lib, a, dtype, grad) for a in args]
    kwargs = {k: argument(lib, a, dtype, grad) for k, a in kwargs.items()}
    tensors = [a for a in [*args, *kwargs.values()] if isinstance(a, lib.Tensor)]
    return getattr(lib.distributions, kind)(*args, **kwargs), tensors
