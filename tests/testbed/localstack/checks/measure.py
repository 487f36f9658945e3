"""Does a call cost the same with ten load balancers and with a thousand? `python -m checks.measure URL [COUNT]`.

Prints milliseconds for each call, the median over a round of ten new load balancers with everything that belongs to
one, at the beginning and when COUNT others exist. Nothing is asserted: it is for people who change this emulator.
"""

import statistics
import sys
import time
from collections import defaultdict

from checks.aws import Aws, arn, forward, tcp

ROUND = 10
Times = dict[str, list[float]]


class Clock:
    def __init__(self):
        self.times: Times = defaultdict(list)

    def __call__(self, call, **asked):
        start = time.perf_counter()
        answered = call(**asked)
        self.times[call.__name__].append((time.perf_counter() - start) * 1000)
        return answered


def build(aws: Aws, timed, name: str) -> tuple[str, str, str]:
    group = timed(aws.ec2.create_security_group, GroupName=name, Description="d", VpcId=aws.vpc)["GroupId"]
    timed(aws.ec2.create_tags, Resources=[group], Tags=[{"Key": "cluster", "Value": name}])
    timed(aws.ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=[tcp(80)])
    tags = [{"Key": "cluster", "Value": name}]
    targets = timed(
        aws.lb.create_target_group, Name=name, Protocol="TCP", Port=80, VpcId=aws.vpc, TargetType="instance", Tags=tags
    )["TargetGroups"][0]
    balancer = timed(
        aws.lb.create_load_balancer, Name=name, Type="network", Subnets=aws.subnets, SecurityGroups=[group], Tags=tags
    )["LoadBalancers"][0]
    timed(
        aws.lb.create_listener, LoadBalancerArn=arn(balancer), Protocol="TCP", Port=80, DefaultActions=forward(targets)
    )
    instances = [{"Id": instance, "Port": 30000} for instance in aws.instances]
    timed(aws.lb.register_targets, TargetGroupArn=arn(targets), Targets=instances)
    return group, arn(targets), arn(balancer)


def look(aws: Aws, timed, name: str, group: str, targets: str, balancer: str) -> None:
    timed(aws.lb.describe_load_balancers, Names=[name])
    timed(aws.lb.describe_target_groups, LoadBalancerArn=balancer)
    timed(aws.lb.describe_listeners, LoadBalancerArn=balancer)
    timed(aws.lb.describe_target_health, TargetGroupArn=targets)
    timed(aws.lb.describe_tags, ResourceArns=[targets, balancer])
    timed(aws.ec2.describe_security_groups, GroupIds=[group])
    timed(aws.ec2.describe_security_groups, Filters=[{"Name": "tag:cluster", "Values": [name]}])
    timed(aws.ec2.describe_subnets, SubnetIds=aws.subnets)
    timed(aws.ec2.describe_instances, InstanceIds=aws.instances)


def tear_down(aws: Aws, timed, group: str, targets: str, balancer: str) -> None:
    timed(aws.lb.delete_load_balancer, LoadBalancerArn=balancer)
    timed(aws.lb.delete_target_group, TargetGroupArn=targets)
    timed(aws.ec2.delete_security_group, GroupId=group)


def round_of(aws: Aws, prefix: str) -> Times:
    timed = Clock()
    for number in range(ROUND):
        name = f"{prefix}-{number}"
        made = build(aws, timed, name)
        look(aws, timed, name, *made)
        tear_down(aws, timed, *made)
    timed(aws.lb.describe_load_balancers)
    return timed.times


def main(url: str, count: str = "1000") -> None:
    aws = Aws(url, instances=10)
    aws.quotas(load_balancers=10_000)
    round_of(aws, "warm")
    few = round_of(aws, "few")
    start = time.perf_counter()
    for number in range(int(count)):
        build(aws, lambda call, **asked: call(**asked), f"n{number}")
    took = time.perf_counter() - start
    many = round_of(aws, "many")
    print(f"{'milliseconds':36}{'alone':>8}{'of ' + count:>10}")
    for name, times in few.items():
        print(f"{name:36}{statistics.median(times):8.1f}{statistics.median(many[name]):10.1f}")
    print(f"{count} load balancers with all that belongs to them: {took:.0f} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
