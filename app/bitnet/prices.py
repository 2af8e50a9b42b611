"""Rewrites a template: what makes, compares or walks over values pays for it in the sandbox."""

from __future__ import annotations

from typing import Any

from jinja2 import nodes
from jinja2.visitor import NodeTransformer

from bitnet.allowance import NODE, TURN, TooMuch

MOST_LEVELS = 16  # of loops, macros, calls and blocks: each makes compiling all that it holds slower

#: Tests that look at a value without reading it.
QUICK_TESTS = {
    *("boolean", "callable", "defined", "even", "false", "float", "integer", "iterable", "mapping"),
    *("none", "number", "odd", "sequence", "string", "true", "undefined"),
}

# ruff: noqa: N802, N815 - NodeTransformer finds its methods by the names of nodes


class Prices(NodeTransformer):
    """Lets everything that makes, compares or walks over values pay for them."""

    def __init__(self) -> None:
        self._n_nodes = self._n_levels = 0  # visited so far; around what is visited

    def visit(self, node: nodes.Node, *args: Any, **options: Any) -> Any:
        self._n_nodes += 1
        return super().visit(node, *args, **options)

    def visit_List(self, node: nodes.List) -> nodes.Node:
        return _through("counted", self.generic_visit(node))

    visit_Dict = visit_List

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:
        made = self.generic_visit(node)
        return _through("counted", made) if node.ctx == "load" else made

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:
        part = self.generic_visit(node)
        return _through("counted", part) if isinstance(node.arg, nodes.Slice) else part

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        return _through("concatenated", nodes.List(node.nodes, lineno=node.lineno))

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:
        self.generic_visit(node)
        node.expr = _through("counted", node.expr)
        for operand in node.ops:
            operand.expr = _through("counted", operand.expr)
        return node

    def visit_Filter(self, node: nodes.Filter) -> nodes.Node:
        self.generic_visit(node)
        _count_arguments(node)
        if node.node is None:  # of a filter block, whose text has been paid for
            return node
        node.node = _through("called", node.node)
        return _through("counted", node)

    def visit_Test(self, node: nodes.Test) -> nodes.Node:
        self.generic_visit(node)
        _count_arguments(node)
        if node.name not in QUICK_TESTS:
            node.node = _through("called", node.node)
        return node

    def visit_Assign(self, node: nodes.Assign) -> nodes.Node:
        self.generic_visit(node)
        if node.target.find(nodes.NSRef) or isinstance(node.target, nodes.NSRef):  # it outlives a loop
            node.node = _through("counted", node.node)
        return node

    def visit_For(self, node: nodes.For) -> nodes.Node:
        price = self._visit_body(node)
        # The iterable pays for a test, which is run for every item.
        node.iter = _through("steps", node.iter, nodes.Const(price if node.test else TURN))
        return node

    def visit_Macro(self, node: nodes.Macro | nodes.CallBlock | nodes.Block) -> nodes.Node:
        self._visit_body(node)
        return node

    visit_CallBlock = visit_Block = visit_Macro

    def _visit_body(self, node: nodes.For | nodes.Macro | nodes.CallBlock | nodes.Block) -> int:
        """Let a body, each time it is run, pay for all nodes that it holds: that price is returned."""
        n_before = self._n_nodes
        self._n_levels += 1
        if self._n_levels > MOST_LEVELS:
            raise TooMuch(f"it nests loops and macros more than {MOST_LEVELS} deep")
        self.generic_visit(node)
        self._n_levels -= 1
        price = NODE * (self._n_nodes - n_before)
        paying = nodes.ExprStmt(_through("worked", nodes.Const(None), nodes.Const(price)))
        node.body.insert(0, paying)
        if isinstance(node, nodes.For) and node.else_:  # a recursive loop may come here again and again
            node.else_.insert(0, paying)
        return price


def _count_arguments(node: nodes.Filter | nodes.Test) -> None:
    node.args = [_through("counted", argument) for argument in node.args]
    for option in node.kwargs:
        option.value = _through("counted", option.value)
    if node.dyn_args is not None:
        node.dyn_args = _through("counted", node.dyn_args)
    if node.dyn_kwargs is not None:
        node.dyn_kwargs = _through("counted", node.dyn_kwargs)


def _through(name: str, node: nodes.Node, *arguments: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(node, name, list(arguments), [], None, None, lineno=node.lineno)
