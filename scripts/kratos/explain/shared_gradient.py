"""The hinge's gradient with respect to a perturbation that all cells of a type share, at the least cost."""

from collections.abc import Callable

import torch
from torch import Tensor

# Cells kept in view: at least this many, and at least one in this many.
WATCHED, ONE_IN = 16, 20
# A cell's margin is trusted to change at most this many times as fast as the fastest change seen so far.
SAFETY = 3.0


class SharedGradient:
    """Mean hinge of cells shifted by one perturbation δ (p,), and its gradient, through an affine first layer.

    W(x + δ) + b = (Wx + b) + Wδ, and Wx + b does not change: one evaluation costs two products with W and a pass of the
    remaining layers. Only cells with a positive hinge have a gradient, and once a type has been moved they are few.
    Therefore all cells are reviewed now and then; in between, only the cells nearest to a positive hinge are evaluated.
    The others may be left out as long as the shift Wδ has moved too little since the review to bring any of them back,
    judged by the largest change of a margin per length of shift seen so far, times `SAFETY`. Each review counts the
    cells for which this went wrong in ``missed``.

    Parameters
    ----------
    first_layer
        What `kratos.models.base.CellModel.first_layer` returns. Genes that its weights ignore are left out of the
        products.
    x
        Prepared cells (n, p).
    margins
        From scores (n, G) to each cell's distance (n,) from leaving its type; positive before it leaves.
    margin
        α of Eq. 12, added to every distance.
    """

    def __init__(
        self,
        first_layer: tuple[Tensor, Tensor, Callable[[Tensor], Tensor]],
        x: Tensor,
        margins: Callable[[Tensor], Tensor],
        margin: float,
    ) -> None:
        weight, bias, self._rest = first_layer[0].detach(), first_layer[1].detach(), first_layer[2]
        self._margins, self._margin = margins, margin
        with torch.no_grad():
            self._constant = torch.nn.functional.linear(x, weight, bias)
            used = (weight != 0).any(dim=0)
            self._used = None if used.all() else used.nonzero()[:, 0]
            self._weight = weight if self._used is None else weight[:, self._used].contiguous()
        self._watched = max(WATCHED, -(-len(x) // ONE_IN))
        self._shift: Tensor | None = None
        self._hinges: Tensor | None = None
        self._cells = self._constant
        self._outside: Tensor | None = None
        self._reach, self._speed = 0.0, 0.0
        self.reviews = self.missed = 0

    def __call__(self, perturbation: Tensor) -> tuple[Tensor, Tensor]:
        """Gradient (p,) and mean hinge at a perturbation (p,)."""
        used = perturbation if self._used is None else perturbation[self._used]
        shift = (self._weight @ used).detach()
        if self._shift is None or not SAFETY * self._speed * float((shift - self._shift).norm()) < self._reach:
            self._review(shift)
        gradient = torch.zeros_like(perturbation)
        shift.requires_grad_(True)
        hinges = (self._margin + self._margins(self._rest(self._cells + shift))).clamp_min(0)
        hinge = hinges.sum() / len(self._constant)
        if float(hinge.detach()) == 0.0:
            return gradient, hinge.detach()
        (along,) = torch.autograd.grad(hinge, shift)
        product = along @ self._weight
        if self._used is None:
            return product, hinge.detach()
        return gradient.index_copy_(0, self._used, product), hinge.detach()

    @torch.no_grad()
    def _review(self, shift: Tensor) -> None:
        """Evaluate all cells, and choose those to evaluate until the next review."""
        now = self._margin + self._margins(self._rest(self._constant + shift))
        self.reviews += 1
        if self._hinges is not None:
            length = float((shift - self._shift).norm())
            if length > 0:
                self._speed = max(self._speed, float((now - self._hinges).abs().max()) / length)
        if self._outside is not None:
            self.missed += int((now[self._outside] > 0).sum())
        self._shift, self._hinges, self._outside, self._cells, self._reach = (
            shift.clone(),
            now,
            None,
            self._constant,
            0.0,
        )
        if self._watched < len(now) and self._speed > 0:
            nearest = now.topk(self._watched + 1)
            # The first cell left out decides how far the shift may move.
            self._reach = float(-nearest.values[-1])
            if self._reach > 0:
                inside = nearest.indices[:-1]
                self._cells = self._constant[inside]
                self._outside = torch.ones(len(now), dtype=torch.bool, device=now.device)
                self._outside[inside] = False
