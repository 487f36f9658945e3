"""AddTags, RemoveTags, DescribeTags, tags at creation, and the Resource Groups Tagging API."""

from checks.aws import Aws, answer, arn, check, same


def tagged(**tags: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def tags_of(aws: Aws, *arns: str) -> list[dict[str, str]]:
    found = aws.lb.describe_tags(ResourceArns=list(arns))["TagDescriptions"]
    return [{tag["Key"]: tag["Value"] for tag in one["Tags"]} for one in found]


@check("tags at creation, added, overwritten and removed, on load balancers, target groups and listeners")
def _(aws: Aws):
    balancer, group = aws.nlb(Tags=tagged(a="1")), aws.tg(Tags=tagged(a="1"))
    listener = aws.listener(balancer, group, Tags=tagged(a="1"))
    arns = [arn(balancer), arn(group), arn(listener)]
    same(tags_of(aws, *arns), [{"a": "1"}] * 3)
    aws.lb.add_tags(ResourceArns=arns, Tags=tagged(a="2", b="3", c=""))
    same(tags_of(aws, *arns), [{"a": "2", "b": "3", "c": ""}] * 3)
    aws.lb.remove_tags(ResourceArns=arns, TagKeys=["b", "none"])
    same(tags_of(aws, *arns), [{"a": "2", "c": ""}] * 3)


@check("DescribeTags: up to 20 ARNs, and one that is unknown spoils the call")
def _(aws: Aws):
    arns = [arn(aws.tg()) for _ in range(21)]
    same(len(tags_of(aws, *arns[:20])), 20)
    same(answer(aws.lb.describe_tags, ResourceArns=arns), "ValidationError")
    balancer, _, listener = aws.serving()
    for one, code in (
        (arn(balancer), "LoadBalancerNotFound"),
        (arns[0], "TargetGroupNotFound"),
        (arn(listener), "ListenerNotFound"),
    ):
        same(answer(aws.lb.describe_tags, ResourceArns=[arns[1], one[:-4] + "0000"]), code)


@check("TooManyTags beyond 50, at creation and afterwards; reserved and repeated keys are refused")
def _(aws: Aws):
    fifty = tagged(**{f"k{number}": "v" for number in range(50)})
    group = aws.tg(Tags=fifty)
    same(answer(aws.tg, Tags=fifty + tagged(more="v")), "TooManyTags")
    same(answer(aws.nlb, Tags=fifty + tagged(more="v")), "TooManyTags")
    same(answer(aws.lb.add_tags, ResourceArns=[arn(group)], Tags=tagged(more="v")), "TooManyTags")
    same(answer(aws.lb.add_tags, ResourceArns=[arn(group)], Tags=tagged(k1="w")), "success")
    same(answer(aws.tg, Tags=tagged(a="1") + tagged(a="2")), "DuplicateTagKeys")
    for bad in ({"aws:x": "1"}, {"k" * 129: "1"}, {"k": "v" * 257}):
        same(answer(aws.tg, Tags=tagged(**bad)), "ValidationError", str(bad)[:20])


@check("GetResources finds load balancers and target groups by tag, all filters together")
def _(aws: Aws):
    balancer = aws.nlb(Tags=tagged(cluster="c", own="1"))
    group = aws.tg(Tags=tagged(cluster="c"))
    aws.tg(Tags=tagged(cluster="d"))
    client = aws.client("resourcegroupstaggingapi")

    def found(*filters: tuple[str, str]):
        asked = [{"Key": key, "Values": [value]} for key, value in filters]
        types = ["elasticloadbalancing:loadbalancer", "elasticloadbalancing:targetgroup"]
        answered = client.get_resources(TagFilters=asked, ResourceTypeFilters=types)
        return {one["ResourceARN"] for one in answered["ResourceTagMappingList"]}

    same(found(("cluster", "c")), {arn(balancer), arn(group)})
    same(found(("cluster", "c"), ("own", "1")), {arn(balancer)})
