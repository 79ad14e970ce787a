"""What a script does with models and adapters, statement by statement, on every branch. Each variable holds a set of what it
may be; calls of peft, transformers and TRL change it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from ropescope.checks.finetuning.code.faults import Fault, Open
from ropescope.checks.finetuning.code.script import UNKNOWN, Script

Kind = Literal["base", "adapted", "loaded", "emptied", "trainer", "optimizer"]
"""base: a model without adapter. adapted: with one that is trained. loaded: with one that is frozen. emptied: what is left of a
model whose adapter was merged away."""

_OPTIMIZER: Final = re.compile(r"(?:^|\.)\w*(?:Adam|SGD|Lion|Adafactor|RMSprop|Muon)\w*$")
_SELF: Final = frozenset(("to", "cuda", "half", "float", "bfloat16", "eval", "train", "requires_grad_"))
"""Methods of a model that return it."""
_THAWS: Final = frozenset(("set_adapter", "set_requires_grad"))
_PREPARES: Final = frozenset(("prepare_model_for_kbit_training", "prepare_model_for_int8_training"))
_HEADS: Final = ("ForSequenceClassification", "ForTokenClassification")

Env = dict[str, frozenset["Thing"]]


@dataclass(frozen=True, slots=True)
class Thing:
    """What a variable may be, made at `line`. `of` are the models that a trainer or an optimizer works on."""

    kind: Kind
    line: int
    of: frozenset[Thing] = frozenset()


@dataclass(frozen=True, slots=True)
class Config:
    """A LoRA that the script configures at `line`, in function number `scope`: its arguments, whether there are others that it
    computes, and whether all of them must be LoraConfig's."""

    line: int
    arguments: Mapping[str, Any]
    others: bool
    scope: int
    checked: bool = True


class Flow:
    """Walks a script. Afterwards: faults of order, configs, and the lines at which tokens are added, padding is the end token,
    labels are masked by it, a base is named or has a new head."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.faults: dict[tuple[str, int], Fault] = {}
        self.open: list[Open] = []
        self.configs: list[Config] = []
        self.bases: dict[str, int] = {}
        self.computed_base: int | None = None
        self.heads: list[tuple[int, int]] = []
        self.scope = 0
        self.new_tokens: list[int] = []
        self.pad_is_eos: list[int] = []
        self.masks: list[int] = []
        self.peft_calls = 0
        self._functions: list[ast.FunctionDef | ast.AsyncFunctionDef] = []
        # Parameters that are thawed by hand are trained, wherever in the script that stands.
        self.thawed = any(_thaws(node) for node in ast.walk(script.tree))
        env = self._run(script.tree.body, {})
        while self._functions:
            self.scope += 1
            self._run(self._functions.pop(0).body, dict(env))

    def fault(self, rule: str, line: int, found: str) -> None:
        """Note a fault, once."""
        self.faults.setdefault((rule, line), Fault(line, rule, found))

    # Statements

    def _run(self, body: Iterable[ast.stmt], env: Env) -> Env:
        for one in body:
            env = self._statement(one, env)
        return env

    def _statement(self, one: ast.stmt, env: Env) -> Env:
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef):
            self._functions.append(one)
        elif isinstance(one, ast.ClassDef):
            self._run(one.body, dict(env))
        elif isinstance(one, ast.If):
            self._value(one.test, env)
            return _either(self._run(one.body, dict(env)), self._run(one.orelse, dict(env)))
        elif isinstance(one, ast.For | ast.AsyncFor | ast.While):
            self._value(one.test if isinstance(one, ast.While) else one.iter, env)
            return _either(env, self._run([*one.body, *one.orelse], dict(env)))
        elif isinstance(one, ast.With | ast.AsyncWith):
            for item in one.items:
                self._value(item.context_expr, env)
            return self._run(one.body, env)
        elif isinstance(one, ast.Try | ast.TryStar):
            after = self._run(one.body, dict(env))
            ends = [self._run(handler.body, _either(env, after)) for handler in one.handlers]
            for end in (self._run(one.orelse, dict(after)), *ends):
                after = _either(after, end)
            return self._run(one.finalbody, after)
        elif isinstance(one, ast.Match):
            self._value(one.subject, env)
            for case in one.cases:
                env = _either(env, self._run(case.body, dict(env)))
        elif isinstance(one, ast.Assign):
            self._assign(one.targets, one.value, env)
        elif isinstance(one, ast.AnnAssign) and one.value is not None:
            self._assign([one.target], one.value, env)
        elif isinstance(one, ast.Expr) and isinstance(one.value, ast.Call):
            self._dropped(one.value, env)
        else:
            for part in ast.iter_child_nodes(one):
                if isinstance(part, ast.expr):
                    self._value(part, env)
        return env

    def _assign(self, targets: Sequence[ast.expr], value: ast.expr, env: Env) -> None:
        several = self._several(value, env)
        things = frozenset[Thing]() if several is not None else self._value(value, env)
        for target in targets:
            if isinstance(target, ast.Tuple | ast.List):
                for i, part in enumerate(target.elts):
                    given = (
                        several[i] if several is not None and i < len(several) else things if i == 0 else frozenset()
                    )
                    self._bind(part, given, env)
            else:
                self._bind(target, things, env)
                self._padding(target, value)

    def _several(self, value: ast.expr, env: Env) -> list[frozenset[Thing]] | None:
        """What `accelerator.prepare(model, optimizer, …)` returns, or a tuple; None for a single value."""
        if isinstance(value, ast.Tuple):
            return [self._value(one, env) for one in value.elts]
        if isinstance(value, ast.Call) and self.script.called(value.func).endswith(".prepare") and len(value.args) > 1:
            return [self._value(one, env) for one in value.args]
        return None

    def _bind(self, target: ast.expr, things: frozenset[Thing], env: Env) -> None:
        if name := _dotted(target):
            env[name] = things

    def _padding(self, target: ast.expr, value: ast.expr) -> None:
        """`x.pad_token = x.eos_token`, and `labels[labels == x.pad_token_id] = -100`."""
        to, of = (one.attr if isinstance(one, ast.Attribute) else "" for one in (target, value))
        if to in ("pad_token", "pad_token_id") and of in ("eos_token", "eos_token_id"):
            self.pad_is_eos.append(target.lineno)
        if isinstance(target, ast.Subscript) and self.script.value(value) == -100:
            compared = [one for one in ast.walk(target.slice) if isinstance(one, ast.Attribute)]
            if any(one.attr == "pad_token_id" for one in compared):
                self.masks.append(target.lineno)

    def _dropped(self, call: ast.Call, env: Env) -> None:
        """A call whose result is not kept."""
        self._value(call, env)
        if isinstance(call.func, ast.Attribute) and call.func.attr == "merge_and_unload":
            name = _dotted(call.func.value)
            if any(one.kind in ("adapted", "loaded") for one in env.get(name, ())):
                env[name] = frozenset((Thing("emptied", call.lineno),))

    # Expressions

    def _value(self, node: ast.expr, env: Env) -> frozenset[Thing]:
        if isinstance(node, ast.Call):
            return self._call(node, env)
        if isinstance(node, ast.Name | ast.Attribute):
            if isinstance(node, ast.Attribute):
                self._value(node.value, env)
            return env.get(_dotted(node), frozenset())
        if isinstance(node, ast.IfExp):
            self._value(node.test, env)
            return self._value(node.body, env) | self._value(node.orelse, env)
        if isinstance(node, ast.NamedExpr):
            things = self._value(node.value, env)
            self._bind(node.target, things, env)
            return things
        for part in ast.iter_child_nodes(node):
            if isinstance(part, ast.expr):
                self._value(part, env)
        return frozenset()

    def _call(self, call: ast.Call, env: Env) -> frozenset[Thing]:
        of_receiver = self._value(call.func.value, env) if isinstance(call.func, ast.Attribute) else frozenset()
        given = [self._value(one, env) for one in call.args]
        named = {one.arg: self._value(one.value, env) for one in call.keywords}
        name = self.script.called(call.func)
        first, last = name.rpartition(".")[0].rpartition(".")[2], name.rpartition(".")[2]
        model = named.get("model", given[0] if given else frozenset())
        self.peft_calls += name.startswith("peft.") or last in ("get_peft_model", "LoraConfig")
        if last == "from_pretrained":
            return self._from_pretrained(call, first, model)
        if last == "get_peft_model":
            return self._adapted(call, first, model, env)
        if last in _PREPARES:
            return self._prepared(call, model)
        if last == "LoraConfig":
            self.configs.append(Config(call.lineno, *self.script.keywords(call), self.scope))
        elif last.endswith("Trainer"):
            return self._trainer(call, model, name)
        elif _OPTIMIZER.search(name):
            return self._optimizer(call, env)
        elif last == "DataCollatorForLanguageModeling" and not name.startswith("trl"):
            keywords, _ = self.script.keywords(call)
            if keywords.get("mlm", self.script.value(call.args[1]) if len(call.args) > 1 else True) is False:
                self.masks.append(call.lineno)
        elif last == "DataCollatorForCompletionOnlyLM":
            self.masks.append(call.lineno)
        elif last in ("add_tokens", "add_special_tokens", "setup_chat_format"):
            self._tokens(call, last)
        return self._method(call, last, of_receiver, env)

    def _from_pretrained(self, call: ast.Call, receiver: str, model: frozenset[Thing]) -> frozenset[Thing]:
        line = call.lineno
        if receiver.startswith(("PeftModel", "AutoPeftModel", "PeftMixedModel")):
            self.peft_calls += 1
            keywords, others = self.script.keywords(call)
            trainable = keywords.get("is_trainable", UNKNOWN if others else False)
            if any(one.kind == "adapted" for one in model):
                self.fault("adapter-on-adapter", line, "an adapter is loaded on a model that get_peft_model made")
            if trainable is UNKNOWN:
                self.open.append(Open(line, "is_trainable"))
            return frozenset((Thing("adapted" if trainable is not False or self.thawed else "loaded", line),))
        if not receiver.startswith(("AutoModel", "FastLanguageModel")) and "For" not in receiver:
            return frozenset()
        named = call.args[0] if call.args else next((one.value for one in call.keywords if one.arg is not None), None)
        source = self.script.value(named)
        if isinstance(source, str):
            self.bases.setdefault(source, line)
        else:
            self.computed_base = line
        if receiver.endswith(_HEADS):
            self.heads.append((line, self.scope))
        return frozenset((Thing("base", line),))

    def _adapted(self, call: ast.Call, receiver: str, model: frozenset[Thing], env: Env) -> frozenset[Thing]:
        if receiver.startswith("Fast"):  # Unsloth takes the arguments of the config here, and some of its own
            self.configs.append(Config(call.lineno, *self.script.keywords(call), self.scope, checked=False))
        for things in env.values():
            for one in things:
                if one.kind == "optimizer" and one.of & model:
                    self.fault(
                        "early-optimizer", one.line, f"the optimizer is made before {self.script.place(call.lineno)}"
                    )
        return frozenset((Thing("adapted", call.lineno),))

    def _prepared(self, call: ast.Call, model: frozenset[Thing]) -> frozenset[Thing]:
        made = [one.line for one in model if one.kind == "adapted"]
        if made:
            found = f"the adapter of {self.script.place(min(made))} is frozen again"
            self.fault("prepared-after", call.lineno, found)
        return model or frozenset((Thing("base", call.lineno),))

    def _trainer(self, call: ast.Call, model: frozenset[Thing], name: str) -> frozenset[Thing]:
        config = next((one.value for one in call.keywords if one.arg == "peft_config"), None)
        with_config = config is not None and self.script.value(config) is not None
        if with_config and any(one.kind in ("adapted", "loaded") for one in model):
            self.fault("adapter-twice", call.lineno, "model is a PeftModel, and peft_config is given")
        return frozenset((Thing("trainer", call.lineno, model),))

    def _optimizer(self, call: ast.Call, env: Env) -> frozenset[Thing]:
        inside = [one for part in (*call.args, *(k.value for k in call.keywords)) for one in ast.walk(part)]
        of = frozenset[Thing]()
        for one in inside:
            if isinstance(one, ast.Attribute) and one.attr in ("parameters", "named_parameters"):
                of |= env.get(_dotted(one.value), frozenset())
        self._trained(of, call.lineno)
        return frozenset((Thing("optimizer", call.lineno, frozenset(one for one in of if one.kind == "base")),))

    def _trained(self, models: frozenset[Thing], line: int) -> None:
        for one in models:
            if one.kind == "loaded":
                found = f"the adapter is loaded frozen, and {self.script.place(line)} trains it"
                self.fault("frozen-adapter", one.line, found)

    def _tokens(self, call: ast.Call, method: str) -> None:
        keywords, _ = self.script.keywords(call)
        added = self.script.value(call.args[0]) if call.args else keywords.get("special_tokens_dict", UNKNOWN)
        if method == "add_special_tokens" and isinstance(added, dict) and not added.keys() - {"pad_token"}:
            return  # a pad token is never predicted
        if method == "add_special_tokens" and not (isinstance(added, dict) and "additional_special_tokens" in added):
            self.open.append(Open(call.lineno, "the tokens that are added"))  # they may be in the vocabulary
        elif added != []:
            self.new_tokens.append(call.lineno)

    def _method(self, call: ast.Call, method: str, receiver: frozenset[Thing], env: Env) -> frozenset[Thing]:
        if method == "train":
            for one in receiver:
                if one.kind == "trainer":
                    self._trained(one.of, call.lineno)
        if method == "save_pretrained":
            for one in receiver:
                if one.kind == "emptied":
                    self.fault(
                        "emptied-model", one.line, f"its result is dropped, and {self.script.place(call.lineno)} saves"
                    )
        if method in ("merge_and_unload", "unload", "get_base_model"):
            return frozenset((Thing("base", call.lineno),))
        if method in _THAWS and isinstance(call.func, ast.Attribute):
            name = _dotted(call.func.value)
            env[name] = frozenset(Thing("adapted", one.line) if one.kind == "loaded" else one for one in receiver)
        return receiver if method in _SELF else frozenset()


def _dotted(node: ast.expr) -> str:
    """`self.model` of a name or its attributes; "" for anything else."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join((node.id, *reversed(parts))) if isinstance(node, ast.Name) else ""


def _thaws(node: ast.AST) -> bool:
    """Whether a statement makes parameters trainable by hand."""
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and node.value.value is True:
        return any(isinstance(one, ast.Attribute) and one.attr == "requires_grad" for one in node.targets)
    called = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "requires_grad_"
    return called and not any(isinstance(one, ast.Constant) and one.value is False for one in node.args)  # type: ignore[attr-defined]


def _either(one: Env, other: Env) -> Env:
    return {name: one.get(name, frozenset()) | other.get(name, frozenset()) for name in {*one, *other}}
