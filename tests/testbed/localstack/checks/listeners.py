"""CreateListener, DescribeListeners, ModifyListener, DeleteListener, their attributes and certificates."""

from checks.aws import Aws, answer, arn, check, forward, same

POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"


def tls(aws: Aws, balancer=None, **asked):
    certificates = [{"CertificateArn": aws.certificate()}]
    asked = {"Protocol": "TLS", "Port": 443, "Certificates": certificates} | asked
    return aws.listener(balancer or aws.nlb(), aws.tg(Protocol="TLS"), **asked)


def certificates_of(aws: Aws, listener):
    found = aws.lb.describe_listener_certificates(ListenerArn=arn(listener))["Certificates"]
    return [(one["CertificateArn"], one["IsDefault"]) for one in found]


@check("CreateListener: ARN, ports and protocols as asked; DescribeListeners by load balancer and by ARNs")
def _(aws: Aws):
    balancer, _, one = aws.serving()
    two = aws.listener(balancer, aws.tg(Protocol="UDP"), Protocol="UDP", Port=53)
    assert f":listener/net/{balancer['LoadBalancerName']}/" in arn(one), arn(one)
    found = aws.lb.describe_listeners(LoadBalancerArn=arn(balancer))["Listeners"]
    same([(x["Protocol"], x["Port"]) for x in found], [("TCP", 80), ("UDP", 53)])
    same([arn(x) for x in aws.lb.describe_listeners(ListenerArns=[arn(two)])["Listeners"]], [arn(two)])
    same(answer(aws.lb.describe_listeners, ListenerArns=[arn(one), arn(two)[:-4] + "0000"]), "ListenerNotFound")
    same(answer(aws.lb.describe_listeners, LoadBalancerArn=arn(balancer)[:-4] + "0000"), "LoadBalancerNotFound")
    same(answer(aws.lb.describe_listeners), "ValidationError")


@check("CreateListener again: the same settings answer with what exists, others on the port are DuplicateListener")
def _(aws: Aws):
    balancer, group, listener = aws.serving()
    same(arn(aws.listener(balancer, group)), arn(listener))
    same(answer(aws.listener, balancer=balancer, group=aws.tg()), "DuplicateListener")
    same(answer(aws.listener, balancer=balancer, group=aws.tg(Protocol="UDP"), Protocol="UDP"), "DuplicateListener")


@check("CreateListener: protocols of listener and target group must go together")
def _(aws: Aws):
    good = {("TCP", "TCP"), ("TCP", "TCP_UDP"), ("UDP", "UDP"), ("UDP", "TCP_UDP"), ("TCP_UDP", "TCP_UDP")}
    for number, protocol in enumerate(("TCP", "UDP", "TCP_UDP")):
        for place, target in enumerate(("TCP", "UDP", "TCP_UDP", "TLS")):
            got = answer(
                aws.listener,
                balancer=aws.nlb(),
                group=aws.tg(Protocol=target),
                Protocol=protocol,
                Port=100 + number * 10 + place,
            )
            same(
                got,
                "success" if (protocol, target) in good else "InvalidConfigurationRequest",
                f"{protocol} to {target}",
            )
    same(answer(aws.listener, balancer=aws.nlb(), group=aws.tg(), Protocol="HTTP"), "UnsupportedProtocol")


@check("CreateListener: a target group serves one load balancer, TargetGroupAssociationLimit")
def _(aws: Aws):
    balancer, group, _ = aws.serving()
    same(answer(aws.listener, balancer=aws.nlb(), group=group), "TargetGroupAssociationLimit")
    aws.listener(balancer, group, Port=81)


@check("CreateListener: unknown load balancer or target group")
def _(aws: Aws):
    balancer, group = aws.nlb(), aws.tg()
    missing = {"LoadBalancerArn": arn(balancer)[:-4] + "0000"}
    same(answer(aws.listener, balancer=balancer, group=group, **missing), "LoadBalancerNotFound")
    missing = {"TargetGroupArn": arn(group)[:-4] + "0000"}
    same(answer(aws.listener, balancer=balancer, group=missing), "TargetGroupNotFound")


@check("TooManyListeners at 50 for a load balancer")
def _(aws: Aws):
    balancer, group = aws.nlb(), aws.tg()
    for port in range(1, 51):
        aws.listener(balancer, group, Port=port)
    same(answer(aws.listener, balancer=balancer, group=group, Port=51), "TooManyListeners")


@check("an action is described in both forms, whichever was asked for")
def _(aws: Aws):
    group = aws.tg()
    config = [{"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": arn(group)}]}}]
    for number, actions in enumerate((config, forward(group))):
        balancer = aws.nlb()
        listener = aws.listener(balancer, group, Port=80 + number, DefaultActions=actions)
        (action,) = listener["DefaultActions"]
        same(
            (action["TargetGroupArn"], action["ForwardConfig"]["TargetGroups"][0]["TargetGroupArn"]), (arn(group),) * 2
        )
        aws.lb.delete_listener(ListenerArn=arn(listener))


@check("TLS listener: certificate, policy and ALPN as asked, with AWS's default policy")
def _(aws: Aws):
    listener = tls(aws, SslPolicy=POLICY, AlpnPolicy=["HTTP2Preferred"])
    same((listener["SslPolicy"], listener["AlpnPolicy"]), (POLICY, ["HTTP2Preferred"]))
    same(len(listener["Certificates"]), 1)
    same(tls(aws)["SslPolicy"], "ELBSecurityPolicy-2016-08")
    plain = aws.serving()[2]
    assert not {"SslPolicy", "Certificates", "AlpnPolicy"} & set(plain), plain


@check("TLS listener: no certificate, an unknown one, an unknown policy, an unknown ALPN policy are refused")
def _(aws: Aws):
    unknown = [{"CertificateArn": aws.certificate()[:-4] + "dead"}]
    for bad, code in (
        ({"Certificates": []}, "ValidationError"),
        ({"Certificates": unknown}, "CertificateNotFound"),
        ({"SslPolicy": "ELBSecurityPolicy-None"}, "SSLPolicyNotFound"),
        ({"AlpnPolicy": ["HTTP3"]}, "ALPNPolicyNotFound"),
    ):
        same(answer(tls, aws=aws, **bad), code, str(bad))
    same(answer(tls, aws=aws, Protocol="TCP"), "InvalidConfigurationRequest")


@check("ModifyListener: port, default action; the target group before is free again")
def _(aws: Aws):
    _, group, listener = aws.serving()
    other = aws.tg()
    (shown,) = aws.lb.modify_listener(ListenerArn=arn(listener), Port=8080, DefaultActions=forward(other))["Listeners"]
    same((shown["Port"], shown["DefaultActions"][0]["TargetGroupArn"]), (8080, arn(other)))
    (left,) = aws.lb.describe_target_groups(TargetGroupArns=[arn(group)])["TargetGroups"]
    same(left["LoadBalancerArns"], [])
    same(answer(aws.lb.delete_target_group, TargetGroupArn=arn(group)), "success")


@check("ModifyListener: between TCP and TLS, with what each needs; a taken port is DuplicateListener")
def _(aws: Aws):
    balancer, _, listener = aws.serving()
    modify = aws.lb.modify_listener
    same(answer(modify, ListenerArn=arn(listener), Protocol="TLS"), "ValidationError")
    certificates = [{"CertificateArn": aws.certificate()}]
    (shown,) = modify(ListenerArn=arn(listener), Protocol="TLS", Certificates=certificates)["Listeners"]
    same((shown["Protocol"], shown["SslPolicy"]), ("TLS", "ELBSecurityPolicy-2016-08"))
    (shown,) = modify(ListenerArn=arn(listener), SslPolicy=POLICY)["Listeners"]
    same((shown["SslPolicy"], shown["Certificates"]), (POLICY, certificates))
    (shown,) = modify(ListenerArn=arn(listener), Protocol="TCP")["Listeners"]
    assert "SslPolicy" not in shown and "Certificates" not in shown, shown
    aws.listener(balancer, aws.tg(), Port=81)
    same(answer(modify, ListenerArn=arn(listener), Port=81), "DuplicateListener")
    same(answer(modify, ListenerArn=arn(listener), Protocol="UDP"), "InvalidConfigurationRequest")


@check("listener attributes: the idle timeout of TCP is 350 s, from 60 to 6000")
def _(aws: Aws):
    listener = aws.serving()[2]

    def change(value, key="tcp.idle_timeout.seconds"):
        return answer(
            aws.lb.modify_listener_attributes, ListenerArn=arn(listener), Attributes=[{"Key": key, "Value": value}]
        )

    describe = aws.lb.describe_listener_attributes
    same(describe(ListenerArn=arn(listener))["Attributes"], [{"Key": "tcp.idle_timeout.seconds", "Value": "350"}])
    same([change(value) for value in ("60", "6000", "59", "6001", "x")], ["success"] * 2 + ["ValidationError"] * 3)
    same(change("1", "no.such"), "ValidationError")
    same(describe(ListenerArn=arn(listener))["Attributes"], [{"Key": "tcp.idle_timeout.seconds", "Value": "6000"}])
    same(answer(describe, ListenerArn=arn(listener)[:-4] + "0000"), "ListenerNotFound")


@check("listener certificates: added once, described with the default one, removed; the default one cannot be")
def _(aws: Aws):
    listener, more = tls(aws), aws.certificate()
    default = listener["Certificates"][0]["CertificateArn"]
    asked = {"ListenerArn": arn(listener), "Certificates": [{"CertificateArn": more}]}
    for _ in range(2):
        aws.lb.add_listener_certificates(**asked)
    same(certificates_of(aws, listener), [(default, True), (more, False)])
    aws.lb.remove_listener_certificates(**asked)
    same(certificates_of(aws, listener), [(default, True)])
    asked["Certificates"] = [{"CertificateArn": default}]
    same(answer(aws.lb.remove_listener_certificates, **asked), "OperationNotPermitted")
    asked["Certificates"] = [{"CertificateArn": more[:-4] + "dead"}]
    same(answer(aws.lb.add_listener_certificates, **asked), "CertificateNotFound")


@check("TooManyCertificates: 25 for a load balancer, not counting the default ones")
def _(aws: Aws):
    balancer = aws.nlb()
    one, two = tls(aws, balancer), tls(aws, balancer, Port=444)
    for listener, count in ((one, 13), (two, 12)):
        for _ in range(count):
            aws.lb.add_listener_certificates(
                ListenerArn=arn(listener), Certificates=[{"CertificateArn": aws.certificate()}]
            )
    more = [{"CertificateArn": aws.certificate()}]
    same(answer(aws.lb.add_listener_certificates, ListenerArn=arn(two), Certificates=more), "TooManyCertificates")


@check("DeleteListener: then it is gone, and gone is ListenerNotFound")
def _(aws: Aws):
    listener = aws.serving()[2]
    same([answer(aws.lb.delete_listener, ListenerArn=arn(listener)) for _ in range(2)], ["success", "ListenerNotFound"])


@check("DescribeListeners pages")
def _(aws: Aws):
    balancer, group = aws.nlb(), aws.tg()
    made = [arn(aws.listener(balancer, group, Port=port)) for port in (5, 4, 3, 2, 1)]
    pages = aws.lb.get_paginator("describe_listeners").paginate(
        LoadBalancerArn=arn(balancer), PaginationConfig={"PageSize": 2}
    )
    same([arn(listener) for page in pages for listener in page["Listeners"]], made)
