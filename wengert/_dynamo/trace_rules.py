"""torch._dynamo.trace_rules: nothing is traced from bytecode, so there are no rules."""

manual_torch_name_rule_map: dict[str, object] = {}
