"""The catalogue's models in LaTeX."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["LATEX"]

_BINOMIAL = (
    r"y_j \mid \theta_j \sim \text{Binomial}\left(n_j, \text{logit}^{-1}(\theta_j)"
    r"\right), \quad j = 1, \dots, J"
)
_NORMAL = (
    r"y_j \mid \theta_j \sim \text{Normal}(\theta_j, \sigma_j), \quad j = 1, \dots, J"
)
_CENTERED = r"\theta_j \mid \mu, \tau \sim \text{Normal}(\mu, \tau)"
_NONCENTERED = r"\theta_j = \mu + \tau z_j, \quad z_j \sim \text{Normal}(0, 1)"
_PRIORS_MU_TAU = r"\mu \sim p(\mu), \quad \tau \sim p(\tau), \quad \tau > 0"
_RATE = r"p_j = \text{logit}^{-1}(\theta_j)"
_PARTLY = (
    r"\theta_j = \mu + \tau^{1 - w_j} (\xi_j - w_j \mu)",
    r"\xi_j \mid \mu, \tau \sim \text{Normal}\left(w_j \mu, \tau^{w_j}\right)",
)
_MEANS = (
    r"\bar{y}_j \mid \theta_j, \sigma \sim \text{Normal}\left(\theta_j, \sigma / "
    r"\sqrt{n_j}\right), \quad j = 1, \dots, J"
)
_WITHIN = r"\text{SS}_j / \sigma^2 \mid \sigma \sim \chi^2(n_j - 1)"
_PRIORS_GROUPS = (
    _PRIORS_MU_TAU,
    r"\sigma \sim p(\sigma), \quad \sigma > 0",
)
_VARYING = (
    r"u_j \sim \text{Normal}\left(0, \text{diag}(\tau) \, \Omega \, \text{diag}(\tau)"
    r"\right)",
    r"\text{intercept} \sim p(\text{intercept}), \quad \text{slope}_k \sim "
    r"p(\text{slope}), \quad \tau_v \sim p(\tau), \quad \Omega \sim p(\Omega)",
)
_PERSONS = (
    r"\theta_j \sim \text{Normal}\left(m_{c(j)}, 1\right), \quad m_c \sim "
    r"\text{Normal}(0, \tau), \quad \sum_c m_c = 0",
    r"b_i \sim \text{Normal}(\mu_b, \sigma_b), \quad \mu_b \sim p(\mu_b), \quad "
    r"\sigma_b \sim p(\sigma_b), \quad \tau \sim p(\tau)",
)
_VOLATILITY = (
    r"y_j \mid h_j \sim \text{Normal}\left(c, e^{h_j / 2}\right), \quad "
    r"j = 1, \dots, J",
    r"\mu \sim p(\mu), \quad \sigma_{\eta} \sim p(\sigma_{\eta}), \quad "
    r"\phi = 2 \phi_{\star} - 1, \quad \phi_{\star} \sim p(\phi_{\star})",
)

#: Model to its lines of LaTeX; p(...) stands for a prior, which the data carry.
LATEX: Mapping[str, tuple[str, ...]] = {
    "logit_noncentered": (_BINOMIAL, _NONCENTERED, _PRIORS_MU_TAU, _RATE),
    "logit_centered": (_BINOMIAL, _CENTERED, _PRIORS_MU_TAU, _RATE),
    "beta_binomial": (
        r"y_j \mid p_j \sim \text{Binomial}(n_j, p_j), \quad j = 1, \dots, J",
        r"p_j \mid \mu, \kappa \sim \text{Beta}\left(\mu \kappa, (1 - \mu) \kappa"
        r"\right)",
        r"\mu \sim p(\mu), \quad \kappa \sim p(\kappa), \quad 0 < \mu < 1, \quad "
        r"\kappa > 0",
        r"\theta_j = \text{logit}(p_j)",
    ),
    "eight_schools_noncentered": (_NORMAL, _NONCENTERED, _PRIORS_MU_TAU),
    "eight_schools_centered": (_NORMAL, _CENTERED, _PRIORS_MU_TAU),
    "binomial_pooled": (
        r"y_j \mid \mu \sim \text{Binomial}\left(n_j, \text{logit}^{-1}(\mu)\right), "
        r"\quad j = 1, \dots, J",
        r"\mu \sim p(\mu)",
        r"\theta_1 = \dots = \theta_J = \mu, \quad " + _RATE,
    ),
    "binomial_unpooled": (
        _BINOMIAL,
        r"\theta_j \sim p(\theta) \text{ independently}",
        _RATE,
    ),
    "normal_pooled": (
        r"y_j \mid \mu \sim \text{Normal}(\mu, \sigma_j), \quad j = 1, \dots, J",
        r"\mu \sim p(\mu)",
        r"\theta_1 = \dots = \theta_J = \mu",
    ),
    "normal_unpooled": (
        _NORMAL,
        r"\theta_j \sim p(\theta) \text{ independently}",
        r"\sigma_j \text{ known}",
    ),
    "logit_student_t": (
        _BINOMIAL,
        r"\theta_j = \mu + \tau z_j, \quad z_j \mid \nu \sim \text{Student-}t_{\nu}"
        r"(0, 1)",
        _PRIORS_MU_TAU,
        r"\nu \sim p(\nu \mid \nu > 1)",
        _RATE,
    ),
    "logit_mixture": (
        _BINOMIAL,
        r"\theta_j \sim (1 - \lambda) \, \text{Normal}(\mu_{\text{low}}, \tau) + "
        r"\lambda \, \text{Normal}(\mu_{\text{low}} + \text{gap}, \tau)",
        r"\mu_{\text{low}} \sim p(\mu_{\text{low}}), \quad \text{gap} \sim "
        r"p(\text{gap}), \quad \text{gap} > 0",
        r"\tau \sim p(\tau), \quad \tau > 0",
        r"\lambda \sim p(\lambda), \quad 0 < \lambda < 1",
        _RATE,
    ),
    "logit_adaptive": (_BINOMIAL, *_PARTLY, _PRIORS_MU_TAU, _RATE),
    "beta_binomial_marginal": (
        r"y_j \mid \mu, \kappa \sim \text{BetaBinomial}\left(n_j, \mu \kappa, "
        r"(1 - \mu) \kappa\right), \quad j = 1, \dots, J",
        r"\mu \sim p(\mu), \quad \kappa \sim p(\kappa), \quad 0 < \mu < 1, \quad "
        r"\kappa > 0",
        r"p_j \mid y_j, \mu, \kappa \sim \text{Beta}\left(\mu \kappa + y_j, "
        r"(1 - \mu) \kappa + n_j - y_j\right)",
    ),
    "eight_schools_adaptive": (_NORMAL, *_PARTLY, _PRIORS_MU_TAU),
    "eight_schools_marginal": (
        r"y_j \mid \mu, \tau \sim \text{Normal}\left(\mu, \sqrt{\tau^2 + \sigma_j^2}"
        r"\right), \quad j = 1, \dots, J",
        _PRIORS_MU_TAU,
        r"\theta_j \text{ drawn given } y_j, \mu, \tau",
    ),
    "normal_groups_marginal": (
        r"\bar{y}_j \mid \mu, \tau, \sigma \sim \text{Normal}\left(\mu, \sqrt{\tau^2 + "
        r"\sigma^2 / n_j}\right), \quad j = 1, \dots, J",
        _WITHIN,
        *_PRIORS_GROUPS,
        r"\theta_j \text{ drawn given } \bar{y}_j, \mu, \tau, \sigma",
    ),
    "normal_groups_centered": (_MEANS, _WITHIN, _CENTERED, *_PRIORS_GROUPS),
    "normal_groups_noncentered": (_MEANS, _WITHIN, _NONCENTERED, *_PRIORS_GROUPS),
    "normal_groups_adaptive": (_MEANS, *_PARTLY, *_PRIORS_GROUPS),
    "normal_groups_sum_to_zero": (
        _MEANS,
        _WITHIN,
        r"\theta_j = \mu + \tau z_j, \quad z_j \sim \text{Normal}(0, 1) \text{ given } "
        r"\sum_j z_j = 0",
        *_PRIORS_GROUPS,
    ),
    "logit_covariates": (
        _BINOMIAL,
        r"\theta_j = \mu + \sum_d b_d \tilde{x}_{jd} + \tau z_j, \quad z_j \sim "
        r"\text{Normal}(0, 1)",
        r"\tilde{x}_{jd} = (x_{jd} - \bar{x}_d) / s_d",
        _PRIORS_MU_TAU + r", \quad b_d \sim p(b)",
        _RATE,
    ),
    "meta_regression": (
        _NORMAL,
        r"\theta_j = \mu + \sum_k \beta_{\text{std}, k} \tilde{x}_{jk} + \tau z_j, "
        r"\quad z_j \sim \text{Normal}(0, 1)",
        r"\tilde{x}_{jk} = (x_{jk} - \bar{x}_k) / s_k",
        _PRIORS_MU_TAU + r", \quad \beta_{\text{std}, k} \sim p(\beta_{\text{std}})",
    ),
    "linear_regression": (
        r"y_i \sim \text{Normal}\left(\text{intercept} + \tilde{x}_i^\top \text{slope} "
        r"+ w_i^\top u_{g(i)}, \sigma\right), \quad i = 1, \dots, N",
        *_VARYING,
        r"\sigma \sim p(\sigma), \quad \sigma > 0",
    ),
    "logistic_regression": (
        r"y_i \sim \text{Bernoulli}\left(\text{logit}^{-1}(\text{intercept} + "
        r"\tilde{x}_i^\top \text{slope} + w_i^\top u_{g(i)})\right), \quad "
        r"i = 1, \dots, N",
        *_VARYING,
    ),
    "mrp_logit": (
        _BINOMIAL,
        r"\theta_j = \alpha + \sum_k \beta_k \tilde{x}_{jk} + \sum_f \tau_f "
        r"z_{l(j, f)}, \quad z_l \sim \text{Normal}(0, 1)",
        r"\alpha \sim p(\alpha), \quad \beta_k \sim p(\beta), \quad \tau_f \sim "
        r"p(\tau), \quad \tau_f > 0",
        r"p_{\text{area}} = \sum_{j \in \text{area}} N_j p_j / "
        r"\sum_{j \in \text{area}} N_j, \quad " + _RATE,
    ),
    "irt_1pl": (
        r"y_n \sim \text{Bernoulli}\left(\text{logit}^{-1}(a (\theta_{j(n)} - "
        r"b_{i(n)}))\right), \quad n = 1, \dots, N",
        *_PERSONS,
        r"a = e^{\mu_a}, \quad \mu_a \sim p(\mu_a)",
    ),
    "irt_2pl": (
        r"y_n \sim \text{Bernoulli}\left(\text{logit}^{-1}(a_{i(n)} (\theta_{j(n)} - "
        r"b_{i(n)}))\right), \quad n = 1, \dots, N",
        *_PERSONS,
        r"a_i = e^{\mu_a + \sigma_a z_i}, \quad z_i \sim \text{Normal}(0, 1), \quad "
        r"\mu_a \sim p(\mu_a), \quad \sigma_a \sim p(\sigma_a)",
    ),
    "sv_noncentered": (
        *_VOLATILITY,
        r"h_1 = \mu + \frac{\sigma_{\eta}}{\sqrt{1 - \phi^2}} z_1, \quad h_j = \mu + "
        r"\phi (h_{j-1} - \mu) + \sigma_{\eta} z_j, \quad z_j \sim \text{Normal}(0, 1)",
    ),
    "sv_centered": (
        *_VOLATILITY,
        r"h_1 \sim \text{Normal}\left(\mu, \frac{\sigma_{\eta}}{\sqrt{1 - \phi^2}}"
        r"\right), \quad h_j \sim \text{Normal}\left(\mu + \phi (h_{j-1} - \mu), "
        r"\sigma_{\eta}\right)",
    ),
    "football_poisson": (
        r"y_{j1} \sim \text{Poisson}\left(e^{\mu + \text{advantage} + "
        r"\text{attack}_{h(j)} - \text{defence}_{a(j)}}\right)",
        r"y_{j2} \sim \text{Poisson}\left(e^{\mu + \text{attack}_{a(j)} - "
        r"\text{defence}_{h(j)}}\right), \quad j = 1, \dots, J",
        r"\text{attack}_t \sim \text{Normal}(0, \text{sd}_{\text{attack}}), \quad "
        r"\text{defence}_t \sim \text{Normal}(0, \text{sd}_{\text{defence}}), \quad "
        r"\text{each summing to 0}",
        r"\mu \sim p(\mu), \quad \text{advantage} \sim p(\text{advantage})",
        r"\text{sd}_{\text{attack}} \sim p(\text{sd}_{\text{attack}}), \quad "
        r"\text{sd}_{\text{defence}} \sim p(\text{sd}_{\text{defence}})",
    ),
    "gp_regression": (
        r"y_j = c + s \left(\mu + g(u_j) + \sigma e_j\right), \quad e_j \sim "
        r"\text{Normal}(0, 1), \quad j = 1, \dots, J",
        r"g \sim \text{GP}(0, k), \quad k(u, v) = \alpha^2 \, c(r), \quad r^2 = "
        r"\sum_d \left((u_d - v_d) / \rho_d\right)^2",
        r"\mu \sim p(\mu), \quad \alpha \sim p(\alpha), \quad \rho_d \sim p(\rho), "
        r"\quad \sigma \sim p(\sigma)",
    ),
}
