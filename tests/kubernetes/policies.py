"""What NetworkPolicies let out of a pod, as a network that enforces them would."""

import dataclasses
import ipaddress


@dataclasses.dataclass(frozen=True)
class Peer:
    """Whom a pod speaks to: a pod, or an address that is none's (a node's, or outside).

    Attributes:
        ip: its address.
        namespace: labels of the pod's; `None` where it is no pod. A pod of the node's own network,
            as caches on the node are, is none to a policy.
        labels: the pod's.
    """

    ip: str
    namespace: dict | None = None
    labels: dict = dataclasses.field(default_factory=dict)


def lets_out(policies, peer, protocol, port):
    """Whether the policies of a pod, taken together, allow egress."""
    closed = [policy["spec"] for policy in policies if "Egress" in policy["spec"]["policyTypes"]]
    rules = [rule for spec in closed for rule in spec.get("egress", ())]
    return not closed or any(_fits(rule, peer, protocol, port) for rule in rules)


def _fits(rule, peer, protocol, port):
    ports = rule.get("ports")
    if ports and not any(
        (one.get("protocol", "TCP"), one["port"]) == (protocol, port) for one in ports
    ):
        return False
    return not rule.get("to") or any(_is(one, peer) for one in rule["to"])


def _is(wanted, peer):
    if block := wanted.get("ipBlock"):
        address = ipaddress.ip_address(peer.ip)
        # What an address block means for pods is left to the network: none is relied on.
        return peer.namespace is None and (
            address in ipaddress.ip_network(block["cidr"])
            and not any(address in ipaddress.ip_network(other) for other in block.get("except", ()))
        )
    return (
        peer.namespace is not None
        and "namespaceSelector" in wanted
        and _selects(wanted["namespaceSelector"], peer.namespace)
        and _selects(wanted.get("podSelector", {}), peer.labels)
    )


def _selects(selector, labels):
    unknown = set(selector) - {"matchLabels", "matchExpressions"}
    assert not unknown, f"this reader does not know {unknown}"
    for key, value in selector.get("matchLabels", {}).items():
        if labels.get(key) != value:
            return False
    for expression in selector.get("matchExpressions", ()):
        known = {
            "In": labels.get(expression["key"]) in expression.get("values", ()),
            "Exists": expression["key"] in labels,
        }
        if not known[expression["operator"]]:
            return False
    return True
