"""The recurrences of the two small models, forward and backward, one time step after the other.

Automatic differentiation would add up the gradient of the recurrent matrix once a step; written
out, it is one matrix product at the end, and whatever does not depend on the step behind is
computed for all steps at once. Shapes: time first, (n_steps, batch, ...). Matrices may be
multiplied as bfloat16, state and sums stay float32.
"""

from typing import Any

import torch
from torch import Tensor


class TanhScan(torch.autograd.Function):
    """h[t] = tanh(x[t] + h[t-1] @ w): Keras' SimpleRNN, its bias added to x before."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, h: Tensor, w: Tensor) -> Tensor:
        """X (n_steps, batch, m), h (batch, m), w (m, m); return all h (n_steps, batch, m)."""
        out = torch.empty_like(x)
        before = h
        for t in range(len(x)):
            torch.addmm(x[t], before, w, out=out[t])
            before = out[t].tanh_()
        ctx.save_for_backward(out, h, w)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the gradients of x, h and w."""
        out, first, w = ctx.saved_tensors
        slope = 1 - out * out
        dx = torch.empty_like(out)
        dh = torch.zeros_like(first)
        for t in reversed(range(len(out))):
            torch.mul(slope[t], dh.add_(grad[t]), out=dx[t])
            dh = dx[t] @ w.T
        before = torch.cat([first[None], out[:-1]])
        return dx, dh, before.flatten(0, 1).T @ dx.flatten(0, 1)


class GRUScan(torch.autograd.Function):
    """Keras' GRU with reset_after=True, gates z, r and candidate c, biases added to x before.

    z, r = sigmoid(x_zr + h @ u_zr);  c = tanh(x_c + r * (h @ u_c));  h = z * h + (1 - z) * c
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, h: Tensor, u: Tensor) -> Tensor:
        """X (n_steps, batch, 3m), h (batch, m), u (m, 3m); return all h (n_steps, batch, m)."""
        n, batch, width = x.shape
        m = width // 3
        out, c, rc = (x.new_empty(n, batch, m) for _ in range(3))
        zr = x.new_empty(n, batch, 2 * m)
        before = h
        for t in range(n):
            recurrent = (before.to(u.dtype) @ u).float()
            torch.add(x[t, :, : 2 * m], recurrent[:, : 2 * m], out=zr[t]).sigmoid_()
            rc[t] = recurrent[:, 2 * m :]
            torch.addcmul(x[t, :, 2 * m :], zr[t, :, m:], rc[t], out=c[t]).tanh_()
            before = torch.lerp(c[t], before, zr[t, :, :m], out=out[t])
        ctx.save_for_backward(out, c, rc, zr, h, u)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the gradients of x, h and u."""
        out, c, rc, zr, first, u = ctx.saved_tensors
        m = out.shape[2]
        z, r = zr[..., :m], zr[..., m:]
        before = torch.cat([first[None], out[:-1]])
        to_z = (before - c) * z * (1 - z)  # d(pre-activation of z) / dh, and so on
        to_c = (1 - z) * (1 - c * c)
        to_r = rc * r * (1 - r)
        dx = torch.empty(*out.shape[:2], 3 * m, dtype=out.dtype)
        dr = torch.empty_like(dx, dtype=u.dtype)  # of the recurrent part: the candidate's times r
        dh = torch.zeros_like(first)
        back = u.T.contiguous()
        for t in reversed(range(len(out))):
            dh.add_(grad[t])
            dz, dreset, dc = dx[t].split(m, dim=1)
            torch.mul(dh, to_z[t], out=dz)
            torch.mul(dh, to_c[t], out=dc)
            torch.mul(dc, to_r[t], out=dreset)
            dr[t, :, : 2 * m] = dx[t, :, : 2 * m]
            dr[t, :, 2 * m :] = dc * r[t]
            dh = torch.addcmul((dr[t] @ back).float(), dh, z[t])
        du = before.to(u.dtype).flatten(0, 1).T @ dr.flatten(0, 1)
        return dx, dh, du
